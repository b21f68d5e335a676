package syncmod

import (
	"context"
	"fmt"
	"time"

	"github.com/sirupsen/logrus"
)

// app is what a service knows about the fx app that it is part of. The lock of the
// service guards it once the app starts.
type app struct {
	found      string    // what the graph has, in words
	starting   time.Time // the deadline of the app's start, if it has one
	definition string    // the Definition of the graph, in words
	supplied   []byte    // its hash
	used       bool      // something takes part in it
	look       *time.Timer
}

// acceptWithApp is the method accept as a hook of an app.
func (s *Service) acceptWithApp(ctx context.Context) error {
	if err := s.accept(ctx); err != nil {
		return err
	}
	s.telemetry.Notice(time.Now(), logrus.InfoLevel, "ready to synchronize")
	s.telemetry.Notice(time.Now(), logrus.DebugLevel, s.app.found)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.app.starting, _ = ctx.Deadline()
	if s.app.definition != "" && !s.app.used {
		s.app.look = time.AfterFunc(s.cfg.OpenGrace, s.noteUnused)
	}
	return nil
}

// openWithApp opens the ceremony as a hook of an app. A ceremony that was open before
// begins anew. That happens if the app was stopped, or if its start was undone or
// timed out. After a timeout fx calls no OnStop.
func (c *Ceremony) openWithApp(ctx context.Context) error {
	if run := c.core(); run.isOpened() {
		if _, err := run.leave(ctx); err != nil {
			return err
		}
		anew, err := newCore(run.svc, c, run.def, attempt{}, openOptions{})
		if err != nil {
			return err
		}
		c.current.Store(anew)
	}
	return c.core().open(ctx)
}

// noteUnused warns about a Definition in the graph that nothing uses.
func (s *Service) noteUnused() {
	s.mu.Lock()
	idle := s.running && !s.app.used
	s.mu.Unlock()
	if idle {
		s.telemetry.Notice(time.Now(), logrus.WarnLevel, fmt.Sprintf(
			"nothing takes part in the ceremony of the graph (%s): "+
				"add syncmod.RunSteps, or ask for the *syncmod.Ceremony", s.app.definition))
	}
}

// The advice for a wait that holds up the start of an app.
const (
	adviceNotOpen = "the ceremony is not open, and fx cannot open it while an fx.Invoke or an OnStart hook " +
		"waits for it: use syncmod.RunSteps, or wait in a goroutine"
	adviceStarting = "this wait uses the context of the app's start, but the start cannot wait for other nodes: " +
		"an OnStart hook must return; use syncmod.RunSteps, or wait in a goroutine with its own context"
)

// waitNotice is how long a wait for a ceremony that is not open lasts before the log
// mentions it.
const waitNotice = 5 * time.Second

// watchStart watches a wait that may hold up the start of the app. The channel fires
// a little before ctx ends. Once the context of the start has ended, fx drops the
// result of an OnStart hook, and calls no OnStop.
func (c *core) watchStart(ctx context.Context) (early <-chan time.Time, stop func()) {
	deadline, bounded := ctx.Deadline()
	opened := c.isOpened()
	if opened && !c.svc.startsUntil(deadline) {
		return nil, func() {}
	}
	var timers []*time.Timer
	if bounded {
		left := time.Until(deadline)
		timer := time.NewTimer(left - min(left/5, 2*time.Second))
		timers, early = append(timers, timer), timer.C
	}
	if !opened {
		timers = append(timers, time.AfterFunc(waitNotice, func() {
			if !c.isOpened() {
				c.svc.telemetry.Notice(time.Now(), logrus.WarnLevel,
					fmt.Sprintf("something has been waiting for %s: %s", waitNotice, adviceNotOpen))
			}
		}))
	}
	return early, func() {
		for _, timer := range timers {
			timer.Stop()
		}
	}
}

// holdsUpStart returns the advice for a wait that has held up the start of the app,
// or nothing for any other wait.
func (c *core) holdsUpStart(ctx context.Context) (advice string) {
	deadline, _ := ctx.Deadline()
	switch {
	case !c.isOpened():
		return adviceNotOpen
	case c.svc.startsUntil(deadline):
		return adviceStarting
	}
	return ""
}

// startsUntil reports whether a deadline is the deadline of the app's start.
func (s *Service) startsUntil(deadline time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !deadline.IsZero() && deadline.Equal(s.app.starting)
}
