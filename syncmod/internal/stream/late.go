package stream

import (
	"sync"
	"time"
)

const (
	lull       = 10 * time.Millisecond  // late responses go out when no response has been added for this long,
	latest     = 200 * time.Millisecond // or when the oldest has waited for this long
	latestPart = 8                      // or for the exchange timeout divided by this, if that is shorter
	lateSize   = 1 << 10                // bytes of late responses that a stream keeps back: more are written at once
)

// Late holds the late responses of a ceremony: those to new steps, for which no member
// waits. They are kept back while the requests that a barrier waits for arrive, and go
// out together afterwards. When anything else is written on a stream, the late
// responses of the stream are written before it. The zero value is ready to use.
type Late struct {
	mu    sync.Mutex
	first time.Time  // when the oldest was kept back
	last  time.Time  // when the newest was kept back
	owing []*inbound // the streams that have late responses
}

// add notes that a stream has a late response.
func (l *Late) add(in *inbound, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = now
	if in.owing.Swap(true) {
		return
	}
	if l.owing = append(l.owing, in); len(l.owing) == 1 {
		l.first = now
		time.AfterFunc(lull, func() { l.look(in.server) })
	}
}

// look sends the late responses, if it is time for them. If not, it looks again
// later.
func (l *Late) look(s *Server) {
	owing, wait := l.take(time.Now(), min(latest, s.cfg.ExchangeTimeout/latestPart))
	if wait > 0 {
		time.AfterFunc(wait, func() { l.look(s) })
		return
	}
	fanOut(len(owing), func(i int) { owing[i].catchUp() }, s.ceremonies.Broken)
}

// take removes and returns the streams that have late responses. If it is too early,
// it returns how long to wait.
func (l *Late) take(now time.Time, latest time.Duration) (owing []*inbound, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait = min(lull-now.Sub(l.last), latest-now.Sub(l.first)); wait > 0 {
		return nil, wait
	}
	for _, in := range l.owing {
		in.owing.Store(false) // what the stream keeps back from now on is added anew
	}
	owing, l.owing = l.owing, nil
	return owing, 0
}

// catchUp writes the late responses of a stream.
func (in *inbound) catchUp() {
	in.Lock()
	defer in.Unlock()
	if len(in.out) == 0 {
		return // another write took them along
	}
	if err := in.flush(time.Now()); err != nil {
		in.fail(classify(in.ctx, err))
	}
}

// finish closes a stream that the other side has closed, after writing its late
// responses: a reset would overtake them. It returns false if there are no late
// responses, or if they cannot be written. The stream can then be reset.
func (in *inbound) finish() bool {
	in.Lock()
	defer in.Unlock()
	if len(in.out) == 0 || in.flush(time.Now()) != nil {
		return false
	}
	go func() { _ = in.stream.Close() }() // Close may block, like every write
	return true
}
