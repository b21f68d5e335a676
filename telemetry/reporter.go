package telemetry

import (
	"container/list"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"
)

// importance decides which reports are dropped when the queue is full.
type importance int

const (
	detail   importance = iota // useful for finding a cause
	normal                     // for operators to read
	progress                   // barriers, pauses between attempts, notices, and panics
	vital                      // the beginning and the end of a ceremony
	importances
)

// QueueLimit is the maximum number of reports in the queue. A ceremony with a hundred
// members makes about a thousand reports while it connects.
const QueueLimit = 4096

// reporter is a queue of reports with one goroutine that carries them out. Only this
// goroutine calls the program's loggers, hooks, samplers and span processors. Two
// metrics bypass it: [Stream.Message] and [Stream.RTT] record at once. The goroutine
// exists while there is something to report.
//
// A sink that is slow or hangs makes the queue grow to its limit. After that, each new
// report pushes out the oldest of the least important reports. Vital reports are
// dropped only if the queue contains nothing else.
type reporter struct {
	log     *logrus.Logger
	dropped atomic.Int64 // since the service was made

	mu      sync.Mutex
	queues  [importances]list.List // of queued
	length  int                    // of all queues together
	last    uint64                 // the number of the newest report
	running bool                   // the goroutine exists
	since   time.Time              // when the goroutine took its current report
	waiters []waiter               // the oldest first; some have given up
	told    int64                  // how many dropped reports the log has mentioned

	// Only the goroutine uses these fields.

	complaining bool // a panic is being logged
	complained  bool // a panic has been logged
}

// queued is a report that waits for its turn.
type queued struct {
	number uint64
	what   string // names the report in the log if it panics
	run    func()
}

// waiter waits until the reports up to and including a number have been carried out.
type waiter struct {
	number uint64
	since  time.Time
	done   chan struct{}
}

// push queues a report. It may drop one, as described at [reporter].
func (r *reporter) push(i importance, what string, run func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.length == QueueLimit {
		r.dropped.Add(1)
		if !r.dropUpTo(i) {
			return // everything else is more important than this one
		}
	}
	r.last++
	r.length++
	r.queues[i].PushBack(queued{number: r.last, what: what, run: run})
	if !r.running {
		r.running, r.since = true, time.Now()
		go r.carryOutAll()
	}
}

// dropUpTo drops the oldest of the least important reports. It drops nothing and
// returns false if all are more important than i.
func (r *reporter) dropUpTo(i importance) bool {
	for least := detail; least <= i; least++ {
		if oldest := r.queues[least].Front(); oldest != nil {
			r.queues[least].Remove(oldest)
			r.length--
			return true
		}
	}
	return false
}

// flushed returns a channel that is closed once all reports that were pushed before
// have been carried out or dropped.
func (r *reporter) flushed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := waiter{number: r.last, since: time.Now(), done: make(chan struct{})}
	if r.running {
		r.waiters = append(r.waiters, w)
	} else {
		close(w.done)
	}
	return w.done
}

// stuck reports whether the current report has been running for [FlushLimit], or the
// oldest waiter has been waiting for that long. So if Flush is called several
// times in a row, only the first call takes time.
func (r *reporter) stuck() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	return r.running && (now.Sub(r.since) >= FlushLimit ||
		len(r.waiters) > 0 && now.Sub(r.waiters[0].since) >= FlushLimit)
}

// carryOutAll carries out reports until the queue is empty.
func (r *reporter) carryOutAll() {
	finished := false
	defer func() {
		if !finished {
			go r.carryOutAll() // a report called runtime.Goexit
		}
	}()
	for {
		next, ok := r.next()
		if !ok {
			finished = true
			return
		}
		r.carryOut(next.what, next.run)
	}
}

// next takes the oldest report from the queue.
func (r *reporter) next() (queued, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.since = time.Now()
	var oldest *list.Element
	from := detail
	for i := range r.queues {
		if e := r.queues[i].Front(); e != nil && (oldest == nil || number(e) < number(oldest)) {
			oldest, from = e, importance(i)
		}
	}
	if oldest != nil {
		r.release(number(oldest))
		r.length--
		return r.queues[from].Remove(oldest).(queued), true
	}
	if dropped := r.dropped.Load(); dropped > r.told {
		since := dropped - r.told
		r.told = dropped
		return queued{what: "the number of dropped reports", run: func() { r.tellDropped(since) }}, true
	}
	r.running = false
	r.release(r.last + 1)
	return queued{}, false
}

func number(e *list.Element) uint64 { return e.Value.(queued).number }

// release wakes the waiters that wait only for reports before the given number.
func (r *reporter) release(next uint64) {
	r.waiters = slices.DeleteFunc(r.waiters, func(w waiter) bool {
		if w.number >= next {
			return false
		}
		close(w.done)
		return true
	})
}

func (r *reporter) tellDropped(reports int64) {
	r.log.WithField("reports", reports).
		Warnf("%d reports were dropped: a log output, a log hook or a span processor was too slow", reports)
}

// carryOut calls a function that may panic. It logs the first panic.
func (r *reporter) carryOut(what string, run func()) {
	returned := false
	defer func() {
		if returned {
			return
		}
		how := "ended its goroutine"
		if value := recover(); value != nil {
			how = fmt.Sprintf("panicked: %v", value)
		}
		r.complain(what, how, string(debug.Stack()))
	}()
	run()
	returned = true
}

// complain logs that a report was lost because it panicked. It tries at each panic
// until it has succeeded once, because a hook may also panic at the line about the
// panic.
func (r *reporter) complain(what, how, stack string) {
	if r.complaining || r.complained {
		return
	}
	r.complaining = true
	defer func() { r.complaining = false }()
	r.carryOut("the line about a panic", func() {
		r.log.WithField("stack", stack).
			Errorf("the report of %s %s; it is lost, and the log will not mention further losses of this kind",
				what, how)
		r.complained = true
	})
}
