package statuspage

import (
	"fmt"

	"github.com/dkgsync/dkgsync/syncmod"
)

// This file describes a rehearsal: a ceremony in which this node only watches. This
// node waits for nobody, and nobody waits for it. So the page says whom the real
// ceremony would wait for.

func (v view) rehearsalHeadline(w *syncmod.WaitError) string {
	const rehearsal = "This is a rehearsal"
	switch begun := v.ahead(); {
	case v.status.Phase == syncmod.Failed:
		return "The rehearsal is over"
	case len(begun) > 0:
		return fmt.Sprintf("%s, but the ceremony has begun: %s %s at work", rehearsal, list(begun),
			plural(len(begun), "is", "are"))
	case w != nil:
		return rehearsal + ": the ceremony would wait for " + v.whom(w)
	}
	return rehearsal + ": the ceremony could begin"
}

func (v view) rehearsalAnswers(w *syncmod.WaitError) Answers {
	a := Answers{
		WaitingFor: v.wouldWaitFor(w),
		IsItMe:     Answer{"No", "This node only looks. Nobody is waiting for it."},
		Failure:    Answer{"No", "A rehearsal is not part of the ceremony and cannot make it fail."},
		Slow:       Answer{"Does not apply", "A rehearsal has no steps."},
		Close: Answer{
			"Yes", "Stopping a rehearsal harms nobody. Stop it before you start your real node.",
		},
	}
	if w != nil {
		a.IsItMe = v.isItMyNetwork(w)
	}
	if v.status.Phase == syncmod.Failed {
		a.Close.Text = "The rehearsal is over."
	} else if len(v.ahead()) > 0 {
		a.Close = Answer{"Yes, at once", "A member could take this process for your real node."}
	}
	return a
}

func (v view) wouldWaitFor(w *syncmod.WaitError) Answer {
	switch {
	case v.status.Phase == syncmod.Failed:
		return Answer{"Nobody", "The rehearsal is over."}
	case w != nil:
		return Answer{v.whom(w), v.sentences(w)}
	}
	return Answer{"Nobody", fmt.Sprintf("All %d members are ready.", len(v.names))}
}

// rehearses reports whether a member only looks, like this node, and is fit for the ceremony.
func (v view) rehearses(p syncmod.PeerStatus) bool {
	return v.status.Observes && p.Inbound && p.Outbound && p.Waiting != ""
}
