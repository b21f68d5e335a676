package statuspage

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// This file answers who must do something.

// isItMe answers whether this node must do something.
func (v view) isItMe(w *syncmod.WaitError) Answer {
	switch {
	case v.status.Phase == syncmod.Failed:
		return v.wasItMe()
	case w != nil && w.Barrier == "shutdown":
		return v.isItMyGoodbye(w)
	case v.status.Phase == syncmod.Complete:
		return Answer{"No", "This node has nothing left to do."}
	case w != nil:
		return v.isItMyNetwork(w)
	case v.status.Step == 0:
		return Answer{"Yes", "This node's program must begin step 1."}
	}
	if ahead := v.ahead(); len(ahead) > 0 {
		return Answer{"Yes", fmt.Sprintf("%s %s waiting for this node to finish %s.",
			capital(list(ahead)), plural(len(ahead), "is", "are"), v.step())}
	}
	return Answer{"Not yet", "Nobody has finished " + v.step() + " yet, this node included."}
}

func (v view) wasItMe() Answer {
	switch who, name := v.blames(); who {
	case ours:
		return Answer{"Yes", "See this node's log for details."}
	case theirs:
		if name == "" {
			return Answer{"No", "The failure began at another member."}
		}
		return v.wasItUs(name)
	}
	if differ := v.differing(); len(differ) > 0 {
		ours, _ := v.compared()
		return Answer{"Probably not", fmt.Sprintf("%s %s the same result, and %s %s a different one.",
			capital(list(v.called(ours.members))), plural(ours.count, "has", "have"),
			list(v.called(differ)), plural(len(differ), "has", "have"))}
	}
	if agreeing := v.agreeing(); len(agreeing) > 0 {
		return Answer{"Probably not", agree(agreeing)}
	}
	return Answer{"Perhaps", "This node may be the one that differs: " +
		"compare its version and definition with the others'."}
}

// wasItUs answers whether this node was the cause when another one ended the ceremony.
func (v view) wasItUs(name string) Answer {
	log := " See " + name + "'s log for details."
	if words, _, ok := v.told(); ok && words != "" {
		culprit, _ := v.culprit()
		mentioned := v.mentioned(culprit)
		if slices.Contains(mentioned, v.self) {
			return Answer{"Perhaps", name + "'s reason names this node." + log}
		}
		if len(mentioned) > 0 {
			them := list(append([]string{name}, v.called(mentioned)...))
			return Answer{"Probably not", "The problem seems to be between " + them +
				". They should compare their logs."}
		}
	}
	return Answer{"No", "The failure began at " + name + "'s node." + log}
}

// agreeing returns the names of the members that were connected to this node when the ceremony
// failed, except for the one that made it fail. They run the same version and definition.
func (v view) agreeing() (names []string) {
	culprit, named := v.culprit()
	for _, p := range v.status.Peers {
		if named && p.Inbound && p.Outbound && p.Index != culprit {
			names = append(names, v.names[p.Index])
		}
	}
	return names
}

// isItMyGoodbye answers whether a goodbye is missing because of this node.
func (v view) isItMyGoodbye(w *syncmod.WaitError) Answer {
	var arrived []string
	for _, p := range v.status.Peers {
		if p.Done {
			arrived = append(arrived, v.names[p.Index])
		}
	}
	for _, missing := range w.Missing {
		if missing.Inbound && missing.Outbound {
			continue
		}
		var heard []string
		for _, p := range v.status.Peers {
			if missing.Index < len(p.View) && p.View[missing.Index].Done {
				heard = append(heard, v.names[p.Index])
			}
		}
		name := v.names[missing.Index]
		switch {
		case len(heard) > 0:
			return Answer{"Perhaps", fmt.Sprintf("%s %s heard %s's goodbye, but this node has not: "+
				"check this node's network.", list(heard), plural(len(heard), "has", "have"), name)}
		case causeOf(missing) == "connection refused":
			return Answer{"Probably not", "Nothing listens at " + name + "'s address."}
		case len(arrived) > 0:
			return Answer{"Probably not", list(possessive(arrived)) + " " +
				plural(len(arrived), "goodbye has", "goodbyes have") + " arrived here."}
		}
		return Answer{"Perhaps", "No goodbye has arrived here: check this node's network."}
	}
	return Answer{"No", "This node has finished and said goodbye."}
}

// agree says that members share with this node what all members must share.
func agree(names []string) string {
	return fmt.Sprintf("%s %s the same version and definition as this node.", list(names),
		plural(len(names), "uses", "use"))
}

// isItMyNetwork answers whether this node is the reason for a wait.
func (v view) isItMyNetwork(w *syncmod.WaitError) Answer {
	connected := v.connected()
	for _, p := range w.Missing {
		switch {
		case p.Fault != nil && len(connected) > 0:
			return Answer{"Probably not", v.turn(w) + " " + agree(connected)}
		case p.Fault != nil:
			return Answer{"Perhaps", "This node may be the one that differs: compare its version and definition " +
				"with the others'."}
		case strings.HasPrefix(p.Waiting, anotherOpen) && len(connected) > 0:
			return Answer{"Probably not", fmt.Sprintf("Compare the definition files: %s uses %s; %s use %s",
				v.names[p.Index], strings.TrimPrefix(p.Waiting, anotherOpen),
				list(append([]string{"this node"}, connected...)), brief(v.def.Hash))}
		case p.Waiting != "" && p.Waiting != notOpen:
			return Answer{"Perhaps", fmt.Sprintf("%s's node does not accept this node yet: %s.", v.names[p.Index],
				p.Waiting)}
		case p.Inbound && p.Outbound:
		default:
			if by, not := v.reaching(p.Index); len(by) > 0 && len(by) >= not {
				return Answer{"Probably", fmt.Sprintf("%s %s %s, but this node does not: check this node's network.",
					capital(list(by)), plural(len(by), "reaches", "reach"), v.names[p.Index])}
			}
		}
	}
	if len(connected) == 0 && w.Barrier == "connected" {
		return Answer{
			"Perhaps",
			"This node is connected with nobody: the others are not there yet, or this node's network is broken.",
		}
	}
	switch unseen := v.unseen(w); {
	case len(unseen) == 0:
	case v.status.Observes:
		return Answer{"Probably not", v.turn(w) + " A rehearsal cannot see whom the others reach."}
	default:
		return Answer{"Probably not", fmt.Sprintf("%s The others have not reported whether they can reach %s.",
			v.turn(w), list(unseen))}
	}
	return Answer{"No", v.turn(w)}
}

// unseen returns the names of missing members that this node cannot reach and about which
// no other member has reported anything.
func (v view) unseen(w *syncmod.WaitError) (names []string) {
	for _, p := range w.Missing {
		if p.Inbound && p.Outbound || p.Waiting == notOpen || isUp(p) {
			continue
		}
		if by, not := v.reaching(p.Index); len(by)+not == 0 {
			names = append(names, v.names[p.Index])
		}
	}
	return names
}

// connected returns the names of the members that are connected to this node.
func (v view) connected() (names []string) {
	for _, p := range v.status.Peers {
		if p.Inbound && p.Outbound {
			names = append(names, v.names[p.Index])
		}
	}
	return names
}

// turn says who must do what before the wait is over.
func (v view) turn(w *syncmod.WaitError) string {
	var unlike, closed, away, apart, working []string
	var step int64
	for _, p := range w.Missing {
		name := v.names[p.Index]
		switch {
		case p.Fault != nil:
			unlike = append(unlike, name)
		case p.Waiting == notOpen, p.Waiting == "" && isUp(p):
			closed = append(closed, name)
		case !p.Inbound || !p.Outbound:
			away = append(away, name)
		case v.isApart(p.Index):
			apart = v.withPartners(apart, p.Index)
		default:
			working, step = append(working, name), p.Step
		}
	}
	rest := "finish"
	if w.Barrier != "shutdown" {
		rest = v.doing(step)
	}
	var text []string
	for _, turn := range []struct {
		who       []string
		one, more string
	}{
		{unlike, "use the same version and definition as the others", "use the same version and definition " +
			"as the others"},
		{closed, "start the ceremony", "start the ceremony"},
		{away, "start the node, or fix its address or network", "start their nodes, " +
			"or fix the addresses or networks"},
		{apart, "", "fix the connection between them"},
		{working, rest, rest},
	} {
		if n := len(turn.who); n > 0 {
			text = append(text, fmt.Sprintf("%s must %s.", capital(list(turn.who)), plural(n, turn.one, turn.more)))
		}
	}
	return strings.Join(text, " ")
}

// withPartners adds the name of a member, and the names of the members with which
// it is in a broken pair.
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

// nameOf returns the name of a step, or an empty string if it is unknown.
func (v view) nameOf(step int64) string {
	if i := int(step) - 1; i >= 0 && i < len(v.status.Steps) {
		return v.status.Steps[i]
	}
	if step == v.status.Step {
		return v.status.StepName
	}
	return ""
}

// reaching returns the names of other members that say they are connected to a member, and the
// number of those that say they are not.
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
