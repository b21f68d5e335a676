package statuspage

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// This file answers whose turn it is to do something.

// isItMe answers whether it is this node that has to do something.
func (v view) isItMe(w *syncmod.WaitError) Answer {
	switch {
	case v.status.Phase == syncmod.Failed:
		return v.wasItMe()
	case v.status.Phase == syncmod.Complete:
		return Answer{"No", "This node has nothing left to do."}
	case w != nil:
		return v.isItMyNetwork(w)
	case v.status.Step == 0:
		return Answer{"Yes", "This node's program has to begin step 1."}
	}
	if ahead := v.ahead(); len(ahead) > 0 {
		return Answer{"Yes", fmt.Sprintf("%s %s for this node to finish %s.",
			capital(list(ahead)), plural(len(ahead), "waits", "wait"), v.step())}
	}
	return Answer{"Not yet", "This node has not finished " + v.step() + ", and nobody else has."}
}

func (v view) wasItMe() Answer {
	switch who, name := v.blames(); who {
	case ours:
		return Answer{"Yes", "Look at this node first: its log has the whole reason."}
	case theirs:
		if name == "" {
			return Answer{"No", "It ended at another member."}
		}
		return Answer{"No", "It ended at " + name + ": that node's log has the whole reason."}
	}
	if agreeing := v.agreeing(); len(agreeing) > 0 {
		return Answer{"Probably not", "This node agrees with " + list(agreeing) + "."}
	}
	return Answer{"Perhaps", "One member differs from the others: compare this node with them."}
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

// What a member answers that has not opened the ceremony: nothing else, or another one.
const (
	notOpen     = "it has not opened this ceremony yet"
	anotherOpen = notOpen + "; open there with this node: "
)

// isItMyNetwork answers whether a wait is because of this node.
func (v view) isItMyNetwork(w *syncmod.WaitError) Answer {
	connected := v.connected()
	for _, p := range w.Missing {
		by, not := v.reaching(p.Index)
		switch {
		case strings.HasPrefix(p.Waiting, anotherOpen) && len(connected) > 0:
			return Answer{"Probably not", fmt.Sprintf("%s has another definition open than this node and %s: "+
				"compare the definition files.", v.names[p.Index], list(connected))}
		case p.Waiting != "" && p.Waiting != notOpen:
			return Answer{"Perhaps", fmt.Sprintf("%s's node does not take part with this one: %s.", v.names[p.Index],
				p.Waiting)}
		case p.Inbound && p.Outbound:
		case len(by) > 0 && len(by) >= not:
			return Answer{"Probably", fmt.Sprintf("%s %s %s, and this node does not: look at this node's network.",
				capital(list(by)), plural(len(by), "reaches", "reach"), v.names[p.Index])}
		}
	}
	if len(connected) == 0 && w.Barrier == "connected" {
		return Answer{
			"Perhaps",
			"This node is connected with nobody: the others are not there yet, or its network is broken.",
		}
	}
	return Answer{"No", v.turn(w)}
}

// connected names the members that are connected with this node.
func (v view) connected() (names []string) {
	for _, p := range v.status.Peers {
		if p.Inbound && p.Outbound {
			names = append(names, v.names[p.Index])
		}
	}
	return names
}

// turn says who has to do what before the wait is over.
func (v view) turn(w *syncmod.WaitError) string {
	var closed, away, apart, working []string
	var step int64
	for _, p := range w.Missing {
		name := v.names[p.Index]
		switch {
		case p.Waiting == notOpen:
			closed = append(closed, name)
		case !p.Inbound || !p.Outbound:
			away = append(away, name)
		case v.isApart(p.Index):
			apart = v.withPartners(apart, p.Index)
		default:
			working, step = append(working, name), p.Step
		}
	}
	rest := "finish there"
	switch {
	case w.Barrier == "shutdown":
	case step == 0:
		rest = "begin step 1"
	default:
		rest = fmt.Sprintf("finish step %d%s", step, inBrackets(v.nameOf(step)))
	}
	var text []string
	for _, turn := range []struct {
		who  []string
		what string
	}{
		{closed, "start the ceremony there"},
		{away, "start the node there, or to mend its network"},
		{apart, "mend the network between them"},
		{working, rest},
	} {
		if n := len(turn.who); n > 0 {
			who, verb := capital(list(turn.who)), plural(n, "has", "have")
			text = append(text, fmt.Sprintf("%s %s to %s.", who, verb, turn.what))
		}
	}
	return strings.Join(text, " ")
}

// withPartners adds the names of the broken pairs of a member.
func (v view) withPartners(names []string, member int) []string {
	for _, b := range v.status.Broken {
		if b.A != member && b.B != member {
			continue
		}
		for _, i := range [...]int{b.A, b.B} {
			if !slices.Contains(names, v.names[i]) {
				names = append(names, v.names[i])
			}
		}
	}
	return names
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
