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
	detail   importance = iota // of use to somebody who looks for a cause
	normal                     // what an operator reads
	progress                   // barriers, and panics
	vital                      // the beginning and the end of a ceremony
	importances
)

// QueueLimit is how many reports wait at the same time. A ceremony of a hundred
// members reports about a thousand things while it connects.
const QueueLimit = 4096

// reporter is a queue of reports and the only goroutine that carries them out:
// nothing else calls the program's loggers, hooks, samplers and span processors.
// Two metrics bypass it: [Stream.Message] and [Stream.RTT] record at once. The
// goroutine exists while there is something to report.
//
// A sink that is slow or hangs makes the queue grow to its limit. From then on
// each new report costs the least important one, the oldest of several. Only when
// nothing but vital reports is left are vital ones dropped.
type reporter struct {
	log     *logrus.Logger
	dropped atomic.Int64 // since the service was made

	mu      sync.Mutex
	queues  [importances]list.List // of queued
	length  int                    // of all queues together
	last    uint64                 // the number of the newest report
	running bool                   // the goroutine
	since   time.Time              // when it took the report that it carries out now
	waiters []waiter               // in the order of their beginning; some have given up
	told    int64                  // how many of the dropped reports the log has mentioned

	// What follows belongs to the goroutine.

	complaining bool // about a panic
	complained  bool
}

// queued is a report that waits for its turn.
type queued struct {
	number uint64
	what   string // for the log, if it panics
	run    func()
}

// waiter waits until the reports up to a number have been carried out.
type waiter struct {
	number uint64
	since  time.Time
	done   chan struct{}
}

// push queues a report.
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

// dropUpTo drops the oldest of the least important reports, unless all are more
// important than i.
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

// flushed returns a channel that is closed when everything that was pushed before
// has been carried out or dropped.
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

// stuck reports whether a report has been running for [FlushLimit], or somebody
// began to wait so long ago for reports that have not been carried out yet. Of
// several waits in a row only the first takes time then.
func (r *reporter) stuck() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	return r.running && (now.Sub(r.since) >= FlushLimit ||
		len(r.waiters) > 0 && now.Sub(r.waiters[0].since) >= FlushLimit)
}

// carryOutAll carries out reports until there are none.
func (r *reporter) carryOutAll() {
	finished := false
	defer func() {
		if !finished {
			go r.carryOutAll() // a report has called runtime.Goexit
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

// release wakes those that wait only for reports before a number.
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

// carryOut calls a function that may panic. The first panic is logged.
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

// complain logs that a report was lost to a panic, until that has succeeded once:
// a hook may panic at every line, at the one about the panic too.
func (r *reporter) complain(what, how, stack string) {
	if r.complaining || r.complained {
		return
	}
	r.complaining = true
	defer func() { r.complaining = false }()
	r.carryOut("the line about a panic", func() {
		r.log.WithField("stack", stack).
			Errorf("reporting %s %s; this report is lost, and the log will not mention further losses of this kind",
				what, how)
		r.complained = true
	})
}
