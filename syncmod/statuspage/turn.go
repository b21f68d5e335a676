package statuspage

import (
	"errors"
	"fmt"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// This file answers whose turn it is to do something.

// isItMe answers whether it is this node that has to do something.
func (v view) isItMe(w *syncmod.WaitError) reply {
	switch {
	case v.status.Phase == syncmod.Failed:
		return v.wasItMe()
	case v.status.Phase == syncmod.Complete:
		return reply{"No", "This node has nothing left to do."}
	case w != nil:
		return v.isItMyNetwork(w)
	case v.status.Step == 0:
		return reply{"Yes", "This node's program has to begin step 1."}
	}
	if ahead := v.ahead(); len(ahead) > 0 {
		return reply{"Yes", fmt.Sprintf("%s %s for this node to finish %s.",
			capital(list(ahead)), plural(len(ahead), "waits", "wait"), v.step())}
	}
	return reply{"Not yet", "This node has not finished " + v.step() + ", and nobody else has."}
}

func (v view) wasItMe() reply {
	switch who, name := v.blames(); who {
	case ours:
		return reply{"Yes", "Look at this node first: its log has the whole reason."}
	case theirs:
		if name == "" {
			return reply{"No", "It began at another member."}
		}
		return reply{"No", "It began at " + name + ": that node's log has the whole reason."}
	}
	if agreeing := v.agreeing(); len(agreeing) > 0 {
		return reply{"Probably not", "This node agrees with " + list(agreeing) + "."}
	}
	return reply{"Perhaps", "One member differs from the others: compare this node with them."}
}

// agreeing names the members that were connected with this node when the ceremony failed, but
// for the one that made it fail: they run the same version and definition.
func (v view) agreeing() (names []string) {
	culprit, named := errors.AsType[*syncmod.PeerError](v.status.Err)
	for _, p := range v.status.Peers {
		if named && p.Inbound && p.Outbound && p.Index != culprit.Index {
			names = append(names, v.names[p.Index])
		}
	}
	return names
}

// notOpen is what a member answers that has nothing else open.
const notOpen = "it has not opened this ceremony yet"

// isItMyNetwork answers whether a wait is because of this node.
func (v view) isItMyNetwork(w *syncmod.WaitError) reply {
	alone := true
	for _, p := range v.status.Peers {
		alone = alone && !p.Inbound && !p.Outbound
	}
	for _, p := range w.Missing {
		by, not := v.reaching(p.Index)
		switch {
		case p.Waiting != "" && p.Waiting != notOpen:
			return reply{"Perhaps", fmt.Sprintf("%s's node does not take part with this one: %s.", v.names[p.Index],
				p.Waiting)}
		case p.Inbound && p.Outbound:
		case len(by) > 0 && len(by) >= not:
			return reply{"Probably", fmt.Sprintf("%s %s %s, and this node does not: look at this node's network.",
				capital(list(by)), plural(len(by), "reaches", "reach"), v.names[p.Index])}
		}
	}
	if alone && w.Barrier == "connected" {
		return reply{
			"Perhaps",
			"This node is connected with nobody: the others are not there yet, or its network is broken.",
		}
	}
	return reply{"No", v.turn(w)}
}

// turn says who has to do what before the wait is over.
func (v view) turn(w *syncmod.WaitError) string {
	var apart, closed, away, working []string
	var step int64
	for _, p := range w.Missing {
		name := v.names[p.Index]
		switch {
		case p.Waiting == notOpen:
			closed = append(closed, name)
		case !p.Inbound || !p.Outbound:
			away = append(away, name)
		case v.isApart(p.Index):
			apart = append(apart, name)
		default:
			working, step = append(working, name), p.Step
		}
	}
	var text []string
	if len(closed) > 0 {
		text = append(text, capital(list(closed))+" "+plural(len(closed), "has",
			"have")+" to start the ceremony there.")
	}
	if len(away) > 0 {
		text = append(text, capital(list(away))+" "+plural(len(away), "has",
			"have")+" to start the node there, or to mend its network.")
	}
	if len(apart) > 0 {
		text = append(text, capital(list(apart))+" "+plural(len(apart), "has",
			"have")+" to mend the network between them.")
	}
	switch {
	case len(working) == 0:
	case w.Barrier == "shutdown":
		text = append(text, capital(list(working))+" "+plural(len(working), "has", "have")+" to finish there.")
	case step == 0:
		text = append(text, capital(list(working))+" "+plural(len(working), "has", "have")+" not begun step 1.")
	default:
		text = append(text, fmt.Sprintf("%s still %s on step %d%s.",
			capital(list(working)), plural(len(working), "works", "work"), step, inBrackets(v.nameOf(step))))
	}
	return strings.Join(text, " ")
}

// nameOf is the name of a step, if it is known.
func (v view) nameOf(step int64) string {
	if i := int(step) - 1; i >= 0 && i < len(v.status.Steps) {
		return v.status.Steps[i]
	}
	return ""
}

// reaching names the other members that say they are connected with one, and counts those
// that say they are not.
func (v view) reaching(member int) (by []string, not int) {
	for _, p := range v.status.Peers {
		switch {
		case p.Index == member || p.View == nil:
		case p.View[member].Inbound || p.View[member].Outbound:
			by = append(by, v.names[p.Index])
		default:
			not++
		}
	}
	return by, not
}
