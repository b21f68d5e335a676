package statuspage

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// mayClose answers whether this node may be stopped now.
func (v view) mayClose(w *syncmod.WaitError, all []view) Answer {
	switch {
	case slices.ContainsFunc(all, v.isLater):
		return Answer{"No", "A later attempt of this ceremony has begun: look there."}
	case v.status.Phase == syncmod.Failed && v.status.Retried:
		return Answer{"No", "The next attempt begins by itself. Leave this node running."}
	case v.status.Phase == syncmod.Failed:
		return v.afterwards()
	case v.status.Phase == syncmod.Complete && w != nil:
		return Answer{"Not yet", v.notYet(w)}
	case v.status.Phase == syncmod.Complete:
		return Answer{"Yes", "Everyone is done."}
	case w != nil && w.Barrier == "shutdown":
		return Answer{
			"Not yet",
			fmt.Sprintf("The ceremony has succeeded here. %s may not know it yet: wait for the goodbyes.",
				capital(v.whom(w))),
		}
	case v.status.Phase == syncmod.Connecting:
		return Answer{
			"Yes, but others wait",
			"Nothing is lost before step 1, but the others will wait until you start this node again.",
		}
	case v.isBeginning():
		return Answer{
			"No",
			"This node is ready for step 1, and the others count on it: if you stop it now, " +
				"the ceremony fails for everyone.",
		}
	}
	return Answer{"No", "If you stop this node now, the ceremony fails for everyone."}
}

// isBeginning reports whether this node has announced step 1 and other members have not.
func (v view) isBeginning() bool {
	return v.status.Step == 1 && !slices.ContainsFunc(v.status.Passed, func(b syncmod.PassedBarrier) bool {
		return b.Kind == "step"
	})
}

// notYet says why a node should keep running although its own part is complete.
func (v view) notYet(w *syncmod.WaitError) string {
	who := v.whom(w)
	text := fmt.Sprintf("Your keys are complete, but %s may still need this node. Leave it "+
		"running until all goodbyes have "+
		"arrived here, or until %s %s you that they have finished.", who, who, plural(len(w.Missing), "tells", "tell"))
	if v.receipt != nil {
		text += fmt.Sprintf(" If %s cannot finish, send %s the receipt.", who, who)
	}
	return text
}

// afterwards says what to do after a failure.
func (v view) afterwards() Answer {
	const again, then = "Agree on a new start with the others.", "; then agree on a new start with the others."
	switch {
	case errors.Is(v.status.Err, syncmod.ErrResultMismatch):
		return Answer{
			neverUse, "Never show a key file to anyone. Move the key files aside, and compare only the results and " +
				"the definition files" + then,
		}
	case strings.HasSuffix(v.failure(), anotherVersion):
		return Answer{"Yes", "Nothing is lost. " + v.install() + then}
	case strings.HasSuffix(v.failure(), anotherDefinition), strings.HasSuffix(v.failure(), otherMembers):
		return Answer{"Yes", "Nothing is lost. Compare the definition files first" + then}
	case v.status.Step <= 1:
		return Answer{"Yes", "Nothing is lost. " + again}
	case len(v.status.Steps) > 0 && v.status.Step > int64(len(v.status.Steps)):
		return Answer{
			"Yes, but keep the files",
			"This node had finished every step: keep what it produced until you know that " +
				"nobody completed the ceremony" + then,
		}
	}
	const none = "This ceremony produced no keys. "
	if at := v.atFault(); len(at) > 0 {
		return Answer{
			"Yes", none + "Once " + list(v.called(at)) + " have found the cause, agree on a new start with the others.",
		}
	}
	return Answer{"Yes", none + again}
}

// neverUse is the advice for keys that differ.
const neverUse = "Yes, but never use these keys"

// install says which members must install which version.
func (v view) install() string {
	who, theirs, ours := v.versions()
	if who == "" || len(v.agreeing()) == 0 {
		return "Agree on one version first, and install it everywhere"
	}
	return fmt.Sprintf("Either %s installs %s, or everyone else installs %s", who, ours, theirs)
}
