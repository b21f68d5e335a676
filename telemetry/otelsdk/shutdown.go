package otelsdk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// part is a part of the SDK that has been built and must be shut down.
type part struct {
	signal   string
	shutdown func(context.Context) error
}

// until returns a context that ends as soon as one of its two arguments ends. It is needed because a batch processor
// goes on exporting after its shutdown was given up, and a gRPC exporter keeps trying for a long time.
func until(ctx, over context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(over, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// grace is how long a flush may take to end after it was given up.
const grace = 100 * time.Millisecond

// patience is the time for the flush if the stop has no deadline.
const patience = 5 * time.Second

// leftover is how long start may take to shut down what an earlier start has left.
const leftover = time.Second

// shutdown shuts everything down within half of the time that is left, and logs errors.
func (s *sdk) shutdown(whole context.Context) {
	timeout := patience
	if deadline, ok := whole.Deadline(); ok {
		timeout = time.Until(deadline) / 2
	}
	ctx, cancel := context.WithTimeout(whole, timeout)
	defer cancel()
	s.tracers.set(nil)
	s.meters.set(nil)
	err := s.shutdownParts(ctx)
	s.giveUp()
	s.parts = nil
	s.release()
	s.release = nil
	if err != nil {
		s.errors.say("some telemetry was not flushed", err)
	}
	s.errors.close(whole)
}

// shutdownParts shuts down all parts at the same time. It does not wait for a part that ignores its context.
func (s *sdk) shutdownParts(ctx context.Context) error {
	parts := s.parts
	var mu sync.Mutex
	errs := make([]error, len(parts))
	for i := range parts {
		errs[i] = context.DeadlineExceeded // until the shutdown returns
	}
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() {
			err := p.shutdown(ctx)
			mu.Lock()
			defer mu.Unlock()
			errs[i] = err
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		wg.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.giveUp()
		select { // a part that respects its context ends at once and reports what it has lost
		case <-done:
		case <-time.After(grace):
		}
	}
	mu.Lock()
	defer mu.Unlock()
	var all []error
	for i, p := range parts {
		if errs[i] != nil {
			all = append(all, fmt.Errorf("flushing %s: %w", p.signal, errs[i]))
		}
	}
	return errors.Join(all...)
}
