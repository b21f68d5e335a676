package otelsdk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// part is something that has been built and has to be shut down.
type part struct {
	signal   string
	shutdown func(context.Context) error
}

// until returns a context that also ends with another one. Batches go on exporting what is left after a shutdown that
// was given up, and an exporter of gRPC tries for long.
func until(ctx, over context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(over, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}

// grace is what a flush that was given up gets to end.
const grace = 100 * time.Millisecond

// patience is what the flush gets when nobody says how long stopping may take.
const patience = 5 * time.Second

// leftover is how long ending what an earlier start has left may hold up the next one.
const leftover = time.Second

// shutdown ends everything within half of the time that is left, and logs what went wrong.
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

// shutdownParts shuts everything down at the same time, and does not wait for what forgets its context.
func (s *sdk) shutdownParts(ctx context.Context) error {
	parts := s.parts
	var mu sync.Mutex
	errs := make([]error, len(parts))
	for i := range parts {
		errs[i] = context.DeadlineExceeded // until it is known
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
		select { // what listens to its context ends at once, and says what it has lost
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
