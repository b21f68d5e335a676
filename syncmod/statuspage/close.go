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
			"Nothing is lost before step 1, but the others wait until you start this node again.",
		}
	case v.isBeginning():
		return Answer{"No", "This node has already begun: stopping it fails the ceremony for everyone."}
	}
	return Answer{"No", "Stopping this node now fails the ceremony for everyone."}
}

// isBeginning reports whether this node has announced step 1, and others have not.
func (v view) isBeginning() bool {
	return v.status.Step == 1 && !slices.ContainsFunc(v.status.Passed, func(b syncmod.PassedBarrier) bool {
		return b.Kind == "step"
	})
}

// notYet says why a node is left running whose own part is complete.
func (v view) notYet(w *syncmod.WaitError) string {
	who := v.whom(w)
	text := fmt.Sprintf("Your keys are complete. %s may still need this node: leave it running until %s %s finished.",
		capital(who), who, plural(len(w.Missing), "says that it has", "say that they have"))
	if v.receipt != nil {
		text += fmt.Sprintf(" If %s cannot finish, send %s the receipt.", who, who)
	}
	return text
}

// afterwards says what to do after a failure.
func (v view) afterwards() Answer {
	const again, then = "Start again together with the others.", "; then start again together with the others."
	switch {
	case errors.Is(v.status.Err, syncmod.ErrResultMismatch):
		return Answer{
			neverUse, "Never use these keys. Move their files aside, compare them with those of the others" + then,
		}
	case strings.HasSuffix(v.failure(), anotherVersion):
		return Answer{"Yes", "Nothing is lost. " + v.install() + then}
	case strings.HasSuffix(v.failure(), anotherDefinition), strings.HasSuffix(v.failure(), otherMembers):
		return Answer{"Yes", "Nothing is lost. Compare the definition files first" + then}
	case v.status.Step <= 1:
		return Answer{"Yes", "Nothing is lost. " + again}
	case len(v.status.Steps) > 0 && v.status.Step > int64(len(v.status.Steps)):
		return Answer{
			"Yes; keep the files",
			"This node had finished every step: keep what was produced until you know that " +
				"nobody completed the ceremony" + then,
		}
	}
	const none = "Nothing is left to lose: this ceremony gives no keys. "
	if at := v.atFault(); len(at) > 0 {
		return Answer{
			"Yes", none + "Once " + list(v.called(at)) + " have found why, start again together with the others.",
		}
	}
	return Answer{"Yes", none + again}
}

// neverUse is what to do with keys that differ.
const neverUse = "Yes; never use these keys"

// install says who has to install which version.
func (v view) install() string {
	who, theirs, ours := v.versions()
	if who == "" || len(v.agreeing()) == 0 {
		return "Agree on one version first, and install it everywhere"
	}
	return fmt.Sprintf("First %s installs %s, or everyone else %s", who, ours, theirs)
}
