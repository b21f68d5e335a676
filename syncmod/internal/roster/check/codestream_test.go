package check_test

import "github.com/dkgsync/dkgsync/syncmod/internal/roster"

// In the protocol, requests contain a digest of their sender's attempt. The type
// attempt stands for this digest. Here it is the processes with which a node began the
// attempt.
type attempt struct {
	named bool
	of    [maxNodes]int8 // the process of each node, -1 for a foreign one
}

// attemptOf returns the attempt that node i's requests name.
func (w *world) attemptOf(i int) (a attempt) {
	s := &w.nodes[i].state
	if s.HasAttempt && s.Step > 1 {
		a.named = true
		for j := range w.size {
			a.of[j] = int8(s.Attempt[j]) - 1
		}
	}
	return a
}

// digest returns an attempt in the form that rosters compare.
func (w *world) digest(a attempt) (digest [8]byte, named bool) {
	if a.named {
		for j := range w.size {
			digest[j] = byte(a.of[j] + 1)
		}
	}
	return digest, a.named
}

// digestOf returns the digest of the attempt that the sessions make.
func digestOf(sessions []uint64) (digest [8]byte) {
	for j, session := range sessions {
		digest[j] = byte(processOf(session) + 1)
	}
	return digest
}

func (c *coder) attempt(digest [8]byte, named bool) {
	if !named {
		c.out = append(c.out, 0)
		return
	}
	var of [4]byte
	for i := range maxNodes {
		of[c.perm[i]] = digest[i]
	}
	c.out = append(c.out, 1|of[0]<<4, of[1]|of[2]<<4)
}

func (d *decoder) attempt() (digest [8]byte, named bool) {
	b := d.byte()
	if b == 0 {
		return digest, false
	}
	digest[0] = b >> 4
	b = d.byte()
	digest[1], digest[2] = b&15, b>>4
	return digest, true
}

// stream encodes a stream and what clients and rosters know of it. It leaves out
// the place of the stream among the others.
func (c *coder) stream(w *world, s int8) {
	st := &w.streams[s]
	cl := &w.nodes[st.from].clients[st.to]
	out := &w.nodes[st.from].members[st.to].Out
	m := &w.nodes[st.to].members[st.from]
	id := streamID(s)
	c.out = append(
		c.out, nibbles(c.perm[st.from], c.perm[st.to]), nibbles(st.process, int8(st.handler)),
		bitOf(cl.current == s, 0)|bitOf(cl.old == s, 1)|bitOf(out.Stream == id, 2)|
			bitOf(m.In.Stream == id, 3)|bitOf(m.Successor == id, 4)|bitOf(m.Held == id, 5),
		bitOf(st.clientOn, 0)|bitOf(st.broken, 1)|bitOf(st.accepted, 2)|bitOf(st.joined, 3),
		nibbles(st.rank, st.answered),
		nibbles(st.requestCount, st.responseCount),
	)
	if st.handler == waiting || st.handler == refusing || st.handler == holding {
		c.request(w, &st.inHand)
	}
	if st.handler == refusing {
		c.out = append(c.out, byte(c.perm[st.inHand.about]))
	}
	for k := range st.requestCount {
		c.request(w, &st.requests[k])
	}
	for k := range st.responseCount {
		a := &st.responses[k]
		about := int8(-1)
		if a.refused {
			about = c.perm[a.about]
		}
		c.out = append(
			c.out, byte(a.asked)|bitOf(a.refused, 4)|bitOf(a.waiting, 5)|bitOf(a.differ, 6), nibbles(a.by, about),
		)
	}
}

func (d *decoder) stream(w *world, s int8) {
	st := &w.streams[s]
	st.from, st.to = d.nibbles()
	var h int8
	st.process, h = d.nibbles()
	st.handler = handler(h)
	cl := &w.nodes[st.from].clients[st.to]
	out := &w.nodes[st.from].members[st.to].Out
	m := &w.nodes[st.to].members[st.from]
	id := streamID(s)
	b := d.byte()
	for k, p := range [...]*int8{&cl.current, &cl.old} {
		if bit(b, k) {
			*p = s
		}
	}
	for k, p := range [...]*roster.StreamID{&out.Stream, &m.In.Stream, &m.Successor, &m.Held} {
		if bit(b, k+2) {
			*p = id
		}
	}
	b = d.byte()
	st.clientOn, st.broken, st.accepted, st.joined = bit(b, 0), bit(b, 1), bit(b, 2), bit(b, 3)
	st.rank, st.answered = d.nibbles()
	st.requestCount, st.responseCount = d.nibbles()
	if st.handler == waiting || st.handler == refusing || st.handler == holding {
		st.inHand = d.request()
	}
	if st.handler == refusing {
		st.inHand.about = int8(d.byte())
	}
	for k := range st.requestCount {
		st.requests[k] = d.request()
	}
	for k := range st.responseCount {
		b := d.byte()
		a := response{asked: kind(b & 3), refused: bit(b, 4), waiting: bit(b, 5), differ: bit(b, 6)}
		a.by, a.about = d.nibbles()
		if !a.refused {
			a.about = 0
		}
		st.responses[k] = a
	}
	st.awaits = -1
	if st.handler == waiting {
		st.awaits = int8(d.byte()) - 1
	}
}

func (c *coder) request(w *world, q *request) {
	c.out = append(c.out, byte(q.kind)|byte(q.step)<<2, byte(q.to+1))
	digest, named := w.digest(q.attempt)
	c.attempt(digest, named)
	if q.kind.aborts() {
		c.out = append(c.out, nibbles(c.node(q.culprit), c.node(q.reporter)), byte(c.perm[q.about]))
	}
}

func (d *decoder) request() (q request) {
	b := d.byte()
	q.kind, q.step = kind(b&3), int8(b>>2)
	q.to = int8(d.byte()) - 1
	var digest [8]byte
	digest, q.attempt.named = d.attempt()
	if q.attempt.named {
		for j := range q.attempt.of {
			q.attempt.of[j] = int8(digest[j]) - 1
		}
	}
	q.reporter = -1
	if q.kind.aborts() {
		q.culprit, q.reporter = d.nibbles()
		q.about = int8(d.byte())
	}
	return q
}

// decoder decodes what a coder encoded.
type decoder struct{ in []byte }

func (d *decoder) byte() byte {
	b := d.in[0]
	d.in = d.in[1:]
	return b
}

func (d *decoder) nibbles() (low, high int8) { return unnibble(d.byte()) }

// decode sets w to an encoded world.
func (w *world) decode(data []byte) {
	*w = world{config: w.config, bench: w.bench, story: w.story}
	for i := range w.size {
		w.nodes[i].state.Members = w.nodes[i].members[:w.size]
	}
	d := decoder{data}
	d.world(w)
	for i := range w.size {
		d.nodeOf(w, i)
	}
	w.attest()
	for s := range int8(w.count) {
		d.stream(w, s)
	}
	if len(d.in) > 0 {
		panic("a world is written and read differently")
	}
}

// failure decodes why a ceremony failed.
func (d *decoder) failure(w *world) *roster.Failure {
	key := failureKey{d.byte(), d.byte(), d.byte()}
	f := w.bench.failures[key]
	if f == nil {
		f = &roster.Failure{Kind: roster.Kind(key[0])}
		culprit, by := unnibble(key[1])
		reporter, about := unnibble(key[2])
		f.Culprit, f.By, f.Reporter, f.Text = int(culprit), int(by), int(reporter), texts[about]
		w.bench.failures[key] = f
	}
	return f
}

// failureKey is all that a world keeps of a failure.
type failureKey [3]byte

// texts are what members say about a failure. Each names the member that caused it.
var texts = [maxNodes]string{"about 0", "about 1", "about 2"}

// causeOf returns the member that caused a failure in the first place, which is not
// always the one that others blame.
func causeOf(f *roster.Failure) int8 {
	if f.Text != "" {
		return int8(f.Text[len(f.Text)-1] - '0')
	}
	return int8(f.Culprit)
}
