package statuspage

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// This file describes the members of a ceremony.

// own returns this node as a member.
func (v view) own() Member {
	accused := slices.Contains(v.accused(), v.self)
	m := Member{
		Index: v.self, Name: v.names[v.self], ID: v.ids[v.self], Path: pathSelf, Step: v.status.Step,
		Nickname: v.status.Nickname, Version: v.status.Version,
		Doing: v.doingOf(v.status.Step, v.status.Phase == syncmod.Complete),
		Done:  v.status.Phase == syncmod.Complete, Trouble: accused,
		Links: v.ownLinks(),
	}
	if accused {
		m.State = v.blamed(v.self)
	}
	if v.status.Observes {
		m.Doing = "rehearsing"
	}
	return m
}

// doingOf says what a member works on. For a member that waits for others, it says what the
// member has finished.
func (v view) doingOf(step int64, done bool) string {
	begun := step < v.status.Step || slices.ContainsFunc(v.status.Passed, func(b syncmod.PassedBarrier) bool {
		return b.Kind == "step" && b.Step == step
	})
	named := func(step int64) string { return strings.TrimSpace(fmt.Sprintf("%d %s", step, v.nameOf(step))) }
	switch n := int64(len(v.status.Steps)); {
	case done, begun && n > 0 && step > n:
		return "done"
	case step < 0:
		return "?"
	case step == 0:
		return "not begun"
	case begun:
		return named(step)
	case step == 1:
		return "ready"
	}
	return named(step-1) + ": done"
}

// blamed says how a member is involved in a failure.
func (v view) blamed(member int) string {
	text := v.failure()
	switch teller, told := v.teller(); {
	case slices.Contains(v.differing(), member):
		return "its result differs"
	case slices.Contains(v.accused(), member):
		return "blamed by " + v.names[teller]
	case told && len(v.accused()) > 0:
		return "gave up because of " + list(v.called(v.accused()))
	}
	if rest, ok := strings.CutPrefix(text, v.names[member]+"'s "); ok {
		return "its " + rest
	}
	return strings.TrimPrefix(text, v.names[member]+" ")
}

func (v view) member(p syncmod.PeerStatus) Member {
	m := Member{
		Index: p.Index, Name: v.names[p.Index], ID: v.ids[p.Index], Nickname: p.Nickname, Version: p.Version,
		Path: pathOf(p), Step: p.Step, Doing: v.doingOf(p.Step, p.Done), Done: p.Done,
		LastSeen: p.LastSeen, Since: p.Since, RTT: milliseconds(p.RTT),
		Reconnects: p.Reconnects, Attempts: p.Attempts, State: v.stateOf(p), Trouble: v.isTroubled(p),
		Links: v.linksOf(p),
	}
	if !p.LastSeen.IsZero() { // otherwise the offset comes from requests that were refused
		m.Clock = math.Round(milliseconds(p.ClockOffset))
	}
	// Only in a rehearsal: Inbound is false because the ceremony would refuse what the member says, but the member is
	// connected.
	if p.Fault != nil && p.Outbound {
		p.Inbound = true
		m.Path = pathOf(p)
	}
	if m.Path == pathNone || m.Path == pathLeft { // the value is old
		m.RTT = 0
	}
	if v.isCulprit(p) {
		m.State = v.blamed(p.Index)
		if d, ok := v.difference(); ok && d.odd == p.Index {
			m.Version = cmp.Or(m.Version, d.version)
		}
		if strings.HasSuffix(v.failure(), "'s node restarted") {
			m.Doing = "restarted"
		}
	}
	for _, a := range p.Peer.Addrs {
		m.Addrs = append(m.Addrs, a.String())
	}
	if p.LastError != nil {
		m.LastError = p.LastError.Error()
	}
	return m
}

// isCulprit reports whether a member made the ceremony fail, or is blamed by the member that
// did.
func (v view) isCulprit(p syncmod.PeerStatus) bool {
	if differ := v.differing(); len(differ) > 0 {
		return slices.Contains(differ, p.Index)
	}
	culprit, named := v.culprit()
	return named && culprit == p.Index || slices.Contains(v.accused(), p.Index)
}

// isTroubled reports whether something is wrong with a member.
func (v view) isTroubled(p syncmod.PeerStatus) bool {
	const clockWrong = 5 * time.Second // the same as clockWarning in syncmod
	if v.status.Phase == syncmod.Failed {
		return v.isCulprit(p) // it does not count that other members have left
	}
	return !p.Done && (!p.Inbound || !p.Outbound || v.cutOff(p.Index) != "") || p.Waiting != "" && !v.rehearses(p) ||
		errors.Is(p.LastError, syncmod.ErrKeyInUse) || p.ClockOffset.Abs() > clockWrong || p.Fault != nil
}
