package statuspage

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// mayClose answers what happens if this node is stopped now.
func (v view) mayClose(w *syncmod.WaitError, all []view) Answer {
	switch {
	case slices.ContainsFunc(all, v.isLater):
		return Answer{"No", "A later attempt of this ceremony has begun: look there."}
	case v.status.Phase == syncmod.Failed && v.status.Retried:
		return Answer{"No", "The next attempt begins by itself. Leave this node running."}
	case v.status.Phase == syncmod.Failed:
		return v.afterwards()
	case v.status.Phase == syncmod.Complete && w != nil:
		return Answer{
			"Ask " + v.whom(w) + " first", fmt.Sprintf("Your own keys are complete. Ask %s whether it has "+
				"finished; until then leave this node running.", v.whom(w)),
		}
	case v.status.Phase == syncmod.Complete:
		return Answer{"Yes", "Everyone is done."}
	case w != nil && w.Barrier == "shutdown":
		return Answer{
			"Not yet",
			fmt.Sprintf("The ceremony has succeeded here. %s may not know it yet: wait for the goodbyes.",
				capital(v.whom(w))),
		}
	case v.status.Phase == syncmod.Connecting:
		return Answer{"You can", "Nothing is lost before step 1, but the others wait until you start this node again."}
	}
	return Answer{"No", "Stopping this node now fails the ceremony for everyone."}
}

// afterwards says what to do after a failure.
func (v view) afterwards() Answer {
	const again, then = "Start again together with the others.", "; then start again together with the others."
	switch {
	case errors.Is(v.status.Err, syncmod.ErrResultMismatch):
		return Answer{
			"Yes, but keep the files", "Keep what was produced until the members have compared it, and never use it. " +
				again,
		}
	case strings.HasSuffix(v.failure(), anotherVersion):
		return Answer{"Yes", "Nothing is lost. Agree on one version first, and install it everywhere" + then}
	case strings.HasSuffix(v.failure(), anotherDefinition), strings.HasSuffix(v.failure(), otherMembers):
		return Answer{"Yes", "Nothing is lost. Compare the definition files first" + then}
	case v.status.Step <= 1:
		return Answer{"Yes", "Nothing is lost. " + again}
	case len(v.status.Steps) > 0 && v.status.Step > int64(len(v.status.Steps)):
		return Answer{
			"Yes, but keep the files",
			"This node had finished every step: keep what was produced until you know that " +
				"nobody completed the ceremony" + then,
		}
	}
	return Answer{"Yes", "Nothing is left to lose: this ceremony gives no keys. " + again}
}
