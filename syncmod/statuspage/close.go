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
	case w != nil && w.Barrier == "shutdown":
		return Answer{"Not yet", v.notYet(w)}
	case v.receipt != nil && v.status.Phase == syncmod.Complete:
		return Answer{"Yes", "Keep your keys and the receipt: it proves the result."}
	case v.status.Phase == syncmod.Complete:
		return Answer{"Yes", "Everyone has finished. Keep your keys."}
	case v.status.Phase == syncmod.Connecting:
		return Answer{
			"Yes",
			"This node is not ready for step 1 yet, so nothing is lost. The others will wait until you start it again.",
		}
	case v.isBeginning():
		return Answer{
			"No",
			"This node is ready for step 1: stopping it now fails the ceremony for everyone.",
		}
	}
	return Answer{"No", "Stopping this node now fails the ceremony for everyone."}
}

// isBeginning reports whether this node has announced step 1 and not all other
// members have.
func (v view) isBeginning() bool {
	return v.status.Step == 1 && !slices.ContainsFunc(v.status.Passed, func(b syncmod.PassedBarrier) bool {
		return b.Kind == "step"
	})
}

// notYet says why a node should keep running although its own part is complete. After
// GoodbyeTimeout this node no longer waits, so the answer does not change by itself any
// more.
func (v view) notYet(w *syncmod.WaitError) string {
	who, next := v.whom(w), "Wait for "+list(possessive(v.whoms(w)))+" goodbye: this answer then becomes Yes."
	if v.status.Phase == syncmod.Complete {
		next = fmt.Sprintf("Ask %s whether the ceremony is complete there. Keep this node running until then.", who)
	}
	text := fmt.Sprintf("Your keys are complete. %s Without this node, the ceremony may fail for %s.", next, who)
	if v.receipt != nil {
		text += fmt.Sprintf(" If it has failed there, send %s the receipt.", who)
	}
	return text
}

// afterwards says what to do after a failure.
func (v view) afterwards() Answer {
	const none, then = "No keys were made. ", " Then agree with the others when to start again."
	switch {
	case errors.Is(v.status.Err, syncmod.ErrResultMismatch):
		return Answer{
			neverUse, "Show them to nobody. Move the key files away, and compare only the results and " +
				"the definition files." + then,
		}
	case strings.HasSuffix(v.failure(), anotherVersion):
		return Answer{"Yes", none + v.install() + "." + then}
	case strings.HasSuffix(v.failure(), anotherDefinition), strings.HasSuffix(v.failure(), otherMembers):
		return Answer{"Yes", none + "Compare the definition files." + then}
	case len(v.status.Steps) > 0 && v.status.Step > int64(len(v.status.Steps)):
		return Answer{
			"Yes, but keep the files",
			"This node had finished every step. Keep what it produced until you know that " +
				"nobody completed the ceremony." + then,
		}
	}
	if at := v.atFault(); len(at) > 0 {
		return Answer{
			"Yes", none + capital(list(v.called(at))) + " must find the cause." + then,
		}
	}
	return Answer{"Yes", none + "Agree with the others when to start again."}
}

// neverUse is the advice for keys that differ.
const neverUse = "Yes, but never use these keys"

// install says which members must install which version.
func (v view) install() string {
	who, theirs, ours := v.versions()
	if who == "" || len(v.agreeing()) == 0 {
		return "Agree on one version, and install it everywhere"
	}
	if !strings.HasPrefix(theirs, "v") { // the member sent no version, or text that is none
		return capital(who) + " must install " + ours
	}
	return fmt.Sprintf("Either %s must install %s, or everyone else %s", who, ours, theirs)
}
