package stream

import (
	"sync"
	"time"
)

const (
	lull       = 10 * time.Millisecond  // how long no step of another member has come when late answers go out
	latest     = 200 * time.Millisecond // how long one waits for that at most,
	latestPart = 8                      // and this part of the exchange timeout
	lateSize   = 1 << 10                // bytes of late answers on a stream: a member that rushes through steps waits
)

// Late is the answers of a ceremony for which nobody waits: those to another step.
// They are kept back while the requests come that a barrier waits for, and go out
// together afterwards. Whatever else is said on a stream takes its late answers along,
// before it. The zero value is ready to use.
type Late struct {
	mu    sync.Mutex
	first time.Time  // when the oldest was kept back
	last  time.Time  // when the newest was
	owing []*inbound // the streams that have some
}

// add notes that a stream has an answer that waits.
func (l *Late) add(in *inbound, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = now
	if in.owing {
		return
	}
	in.owing = true
	if l.owing = append(l.owing, in); len(l.owing) == 1 {
		l.first = now
		time.AfterFunc(lull, func() { l.look(in.server) })
	}
}

// look sends the answers, if the lull is there.
func (l *Late) look(s *Server) {
	owing, wait := l.take(time.Now(), min(latest, s.cfg.ExchangeTimeout/latestPart))
	if wait > 0 {
		time.AfterFunc(wait, func() { l.look(s) })
		return
	}
	fanOut(len(owing), func(i int) { owing[i].catchUp() }, s.ceremonies.Broken)
}

// take takes the streams that owe answers, unless it is too early.
func (l *Late) take(now time.Time, latest time.Duration) (owing []*inbound, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait = min(lull-now.Sub(l.last), latest-now.Sub(l.first)); wait > 0 {
		return nil, wait
	}
	for _, in := range l.owing {
		in.owing = false // what it keeps back from now on is added again
	}
	owing, l.owing = l.owing, nil
	return owing, 0
}

// catchUp writes the late answers of a stream.
func (in *inbound) catchUp() {
	in.Lock()
	defer in.Unlock()
	if len(in.out) == 0 {
		return // something else has taken them along
	}
	if err := in.flush(time.Now()); err != nil {
		in.fail(classify(in.ctx, err))
	}
}

// finish ends a stream that the other side has closed. It returns false when there is
// no late answer left that a reset would overtake.
func (in *inbound) finish() bool {
	in.Lock()
	defer in.Unlock()
	if len(in.out) == 0 || in.flush(time.Now()) != nil {
		return false
	}
	go func() { _ = in.stream.Close() }() // which may block, like every write
	return true
}
