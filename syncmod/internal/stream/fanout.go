package stream

import (
	"sync/atomic"
	"time"
)

// stuckAfter is how long a stream that takes no bytes may keep the streams after it
// waiting, and half of it at least.
const stuckAfter = time.Millisecond

// fanOut calls say for every index below count. A call that blocks keeps the
// goroutine that it runs on: within stuckAfter another one goes on with the next
// index. It returns when the calls of its own goroutine have, and no other is left to
// be made.
func fanOut(count int, say func(i int), broken func(error)) {
	f := &fan{count: int64(count), say: say, broken: broken, seen: 1}
	if count > 1 {
		defer time.AfterFunc(stuckAfter/2, f.look).Stop()
	}
	f.work()
}

// fan is one fan-out under way.
type fan struct {
	count  int64
	say    func(i int)
	broken func(error)
	begun  atomic.Int64 // calls
	seen   int64        // how many look has seen last; it runs once at a time
}

func (f *fan) work() {
	defer recovering("writing on the streams", f.broken)
	for i := f.begun.Add(1); i <= f.count; i = f.begun.Add(1) {
		f.say(int(i - 1))
	}
}

// look looks whether a call has kept the others waiting, and goes on with them.
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
