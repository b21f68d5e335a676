package stream

import (
	"sync/atomic"
	"time"
)

// stuckAfter is the longest time that a stream that takes no bytes may delay the
// streams after it. Such a stream delays them for at least half of that.
const stuckAfter = time.Millisecond

// fanOut calls say for every index below count. A call that blocks keeps the goroutine
// that it runs on; within stuckAfter another goroutine goes on with the next index.
// fanOut returns when every call has begun and the calls on its own goroutine have
// returned.
func fanOut(count int, say func(i int), broken func(error)) {
	f := &fan{count: int64(count), say: say, broken: broken, seen: 1}
	if count > 1 {
		defer time.AfterFunc(stuckAfter/2, f.look).Stop()
	}
	f.work()
}

// fan is one fan-out in progress.
type fan struct {
	count  int64
	say    func(i int)
	broken func(error)
	begun  atomic.Int64 // how many calls have begun
	seen   int64        // how many calls had begun when look last ran; no two runs of look use it at the same time
}

func (f *fan) work() {
	defer recovering("writing on the streams", f.broken)
	for i := f.begun.Add(1); i <= f.count; i = f.begun.Add(1) {
		f.say(int(i - 1))
	}
}

// look checks whether a call has kept the others waiting. If so, it goes on with the
// others.
func (f *fan) look() {
	begun := f.begun.Load()
	if begun >= f.count {
		return // nobody waits
	}
	stuck := begun == f.seen
	f.seen = begun
	time.AfterFunc(stuckAfter/2, f.look)
	if stuck {
		f.work()
	}
}
