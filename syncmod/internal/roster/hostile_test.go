package roster_test

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// No matter what one member says, the others do not panic, and they stay in
// lockstep. If they fail, they blame that member or a member that it has
// blamed, once and for good. Nobody fails after the last barrier. See
// [world.check].
func TestAHostileMemberCanOnlyEndTheCeremony(t *testing.T) {
	clusters(t, func(t *rapid.T, n int, mixed bool) {
		w := drawWorld(t, n, mixed)
		w.nodes[rapid.IntRange(0, n-1).Draw(t, "hostile")].turnHostile()
		for range rapid.IntRange(0, 100*n).Draw(t, "events") {
			w.step()
		}
	})
}

// abort is a reason that a hostile member has given.
type abort struct {
	text    string
	culprit int
}

// turnHostile makes a node hostile. The node must not have said anything yet.
func (p *process) turnHostile() {
	p.hostile = true
	p.roster, p.clients = nil, nil
	p.session = 0xbad
	p.lies = []*roster.Attestation{nil, p.world.results[p.index], attestationOf("bb"), attestationOf("forged")}
}

// hasAborted reports whether a hostile member has given a reason with a
// culprit. If it named no culprit, the culprit is the member itself.
func (p *process) hasAborted(text string, culprit int) bool {
	return slices.ContainsFunc(p.aborts, func(a abort) bool {
		return a.text == text && (a.culprit == culprit || a.culprit == -1 && culprit == p.index)
	})
}

// possibleMischief lists what a hostile member can do next.
func (p *process) possibleMischief(can func(int, string, any, func())) {
	w := p.world
	streams := make([]int, w.members)
	for _, s := range w.streams {
		switch {
		case s.client == p && !s.gone():
			streams[s.server.index]++
			can(4, "hostile request", s, func() { p.lie(s) })
		case s.server == p && s.clientOpen && len(s.responses) < 3:
			can(4, "hostile response", s, func() { p.answer(s) })
		}
	}
	for j, q := range w.nodes {
		if j != p.index && streams[j] < 3 {
			can(3, "hostile stream", q, func() { w.newStream(p.index, q, p) })
		}
	}
}

// lie sends any request, often one that could be true.
func (p *process) lie(s *stream) {
	t := p.world.draw
	q := roster.Request{
		Version: rapid.SampledFrom([]string{
			"v1.11", "v1.11", "v1.11", "v1.11", "v1.11", "v1.11.3", "v1.10", "", "banana",
		}).Draw(t, "version"),
		Signed: rapid.IntRange(0, 15).Draw(t, "signed") != 15,
		Session: rapid.SampledFrom([]uint64{
			0xbad, 0xbad, 0xbad, 0xbad, 0, 0xbad1, 0xbad2, 0xa1,
		}).Draw(t, "session"),
		Addressee:    p.drawAddressee(s.server),
		HasAttempt:   rapid.IntRange(0, 15).Draw(t, "attempt") == 15,
		OtherMembers: rapid.IntRange(0, 31).Draw(t, "other members") == 31,
		Step:         p.drawStep(s.server),
		Shutdown:     rapid.IntRange(0, 11).Draw(t, "shutdown") == 11,
		Aborted:      rapid.IntRange(0, 15).Draw(t, "aborted") == 15,
		Nickname:     "mallory",
		Attestation:  rapid.SampledFrom(p.lies).Draw(t, "attestation"),
		Culprit:      -1, Reporter: -1,
	}
	if q.Aborted {
		q.Differ = rapid.Bool().Draw(t, "differ")
		q.Abort = rapid.SampledFrom([]string{"", "disk full", "it was bob"}).Draw(t, "reason")
		q.Culprit = rapid.IntRange(-1, p.world.members-1).Draw(t, "culprit")
		q.Reporter = rapid.IntRange(-1, p.world.members-1).Draw(t, "reporter")
		p.aborts = append(p.aborts, abort{q.Abort, q.Culprit})
		if q.Differ {
			p.aborts = append(p.aborts, abort{q.Abort, -1})
		}
	}
	s.send(q)
}

// drawAddressee draws any session, often that of the process that is asked.
func (p *process) drawAddressee(to *process) uint64 {
	return rapid.SampledFrom([]uint64{to.session, to.session, to.session, 0, 0xbad}).Draw(p.world.draw, "addressee")
}

// drawStep draws any step, often the one that a member waits for.
func (p *process) drawStep(to *process) int64 {
	t := p.world.draw
	if rapid.IntRange(0, 15).Draw(t, "wild") == 15 {
		return rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, -1, 100}).Draw(t, "step")
	}
	return to.roster.Step() + rapid.SampledFrom([]int64{0, 0, 0, 1, 1, -1, 2, 3, -2}).Draw(t, "steps ahead")
}

// answer sends any response, often one that could be true.
func (p *process) answer(s *stream) {
	t := p.world.draw
	a := roster.Response{
		Session: rapid.SampledFrom([]uint64{0xbad, 0xbad, 0xbad, 0xbad, 0, 0xbad1, 0xbad2, 0xa1}).Draw(t, "session"),
		Refused: rapid.IntRange(0, 15).Draw(t, "refused") == 15,
		Waiting: rapid.IntRange(0, 15).Draw(t, "waiting") == 15,
	}
	if a.Refused {
		a.Error = rapid.SampledFrom([]string{"", "no"}).Draw(t, "error")
		if a.Differ = rapid.Bool().Draw(t, "differ"); a.Differ {
			p.aborts = append(p.aborts, abort{a.Error, -1})
		}
	}
	s.responses = append(s.responses, a)
}
