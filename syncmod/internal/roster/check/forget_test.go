package check_test

import (
	mathbits "math/bits"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// sweep removes streams to which nothing more can happen.
func (w *world) sweep() {
	for s := 0; s < w.count; s++ {
		if st := &w.streams[s]; st.handler != returned || !w.clientGone(st) {
			continue
		}
		w.count--
		if s != w.count {
			w.streams[s] = w.streams[w.count]
			w.renumber(int8(w.count), int8(s))
		}
		w.streams[w.count] = stream{}
		s--
	}
}

// renumber gives a stream another index.
func (w *world) renumber(from, to int8) {
	st := &w.streams[to]
	index := func(p *int8) {
		if *p == from {
			*p = to
		}
	}
	id := func(p *roster.StreamID) {
		if *p == streamID(from) {
			*p = streamID(to)
		}
	}
	c := &w.nodes[st.from].clients[st.to]
	index(&c.current)
	index(&c.old)
	id(&w.nodes[st.from].members[st.to].Out.Stream)
	m := &w.nodes[st.to].members[st.from]
	id(&m.In.Stream)
	id(&m.Successor)
	for k := range w.count {
		index(&w.streams[k].awaits)
	}
}

// forget removes what nothing depends on any longer.
func (w *world) forget(i int) {
	n := &w.nodes[i]
	w.forgetState(i, &n.state)
	for s := range int8(w.count) {
		st := &w.streams[s]
		if int(st.to) != i {
			continue
		}
		if !st.alive() {
			st.accepted = false
		}
		if m := &n.members[st.from]; st.handler != holding && m.Held == streamID(s) {
			m.Held = 0
		}
	}
}

// forgetState removes the parts of a roster's state on which its behaviour does not
// depend.
func (w *world) forgetState(i int, s *roster.State) {
	if w.timeouts == 0 && w.reduces(quietAnswers) {
		s.Rounds, s.AllConnected = 0, false
		for j := range s.Members {
			m := &s.Members[j]
			m.In.Up = m.In.Stream != 0
			if s.Passed >= 1 {
				m.Out.Up = m.Out.Stream != 0
			}
		}
	}
	for j := range s.Members {
		m := &s.Members[j]
		if w.reduces(quietAnswers) {
			m.Asked = false
		}
		if w.timeouts == 0 {
			m.In.Ever, m.Out.Ever = true, true
		}
		if m.Session != 0 || s.Step > 1 || s.Passed > 0 {
			m.First = 0 // First matters only while a foreign member might pass barrier 1 without this node
		}
		if !m.Known || m.Step != int64(w.last) {
			m.Attestation = nil
		}
		if s.HasAttempt || !m.HasAttempt {
			m.Attempt, m.HasAttempt = [8]byte{}, false
		}
	}
	s.Members[i] = roster.MemberState{Step: -1}
	if s.Phase != roster.Failed {
		return
	}
	s.Rounds, s.AllConnected, s.Passed, s.Last, s.Attempt, s.HasAttempt = 0, false, 0, 0, [8]byte{}, false
	s.Attestation = nil
	for j := range s.Members {
		m := &s.Members[j]
		*m = roster.MemberState{Step: -1, Session: m.Session, Held: m.Held}
	}
}

// rankStreams renumbers the orders in which streams were opened and arrived.
func (w *world) rankStreams() {
	for i := range w.size {
		for j := range w.size {
			if i != j {
				w.rankStreamsOf(i, j)
			}
		}
	}
}

func (w *world) rankStreamsOf(i, j int) {
	m := &w.nodes[i].members[j]
	var opened, arrived ranks
	latest := rankOf(m.Opened)
	older := false
	for s := range w.count {
		st := &w.streams[s]
		switch {
		case int(st.to) != i || int(st.from) != j:
		case st.handler == opening:
			opened.add(st.rank)
		case st.alive():
			arrived.add(st.rank)
			older = older || st.rank < latest
		default:
			st.rank = 0
		}
	}
	if older && !w.failed(i) {
		arrived.add(latest)
	} else {
		latest = 0
	}
	for s := range w.count {
		st := &w.streams[s]
		switch {
		case int(st.to) != i || int(st.from) != j:
		case st.handler == opening:
			st.rank = opened.of(st.rank) - 1
		case st.alive():
			st.rank = arrived.of(st.rank)
		}
	}
	m.Opened = time.Time{}
	if latest > 0 {
		m.Opened = timeOf(arrived.of(latest))
	}
}

// ranks is the set of those places in an order that are taken, with one bit for
// each place.
type ranks uint64

func (r *ranks) add(rank int8) { *r |= 1 << rank }

// of returns the position of a rank among those in the set, counted from
// 1.
func (r ranks) of(rank int8) int8 {
	return 1 + int8(mathbits.OnesCount64(uint64(r)&(1<<rank-1)))
}

// timeOf returns when the stream with the given rank arrived.
func timeOf(rank int8) time.Time { return now.Add(time.Duration(rank) * time.Millisecond) }

func rankOf(t time.Time) int8 {
	if t.IsZero() {
		return 0
	}
	return int8(t.Sub(now) / time.Millisecond)
}
