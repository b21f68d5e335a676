package main

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/dkgsync/dkgsync/examples/fxapp/display"
	"github.com/dkgsync/dkgsync/examples/fxapp/view"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// lookWorthy is how long a demo has to take before there is something to look at.
const lookWorthy = time.Second

// stage is the terminal of a demo. If the demo takes long enough to be looked at, the stage
// shows the ceremony as one of the nodes sees it, and the report in the place of the log.
// In the end the terminal has the report alone.
type stage struct {
	terminal
	ctx    context.Context // what the operator interrupts
	report *display.Report
	logs   *lockedWriter

	mu    sync.Mutex
	page  *statuspage.Page // of the node
	view  *view.View
	timer *time.Timer
}

// watch makes a service the one that is shown.
func (s *stage) watch(service *syncmod.Service) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in == nil || s.page != nil {
		return
	}
	s.page = statuspage.New(service)
	s.timer = time.AfterFunc(lookWorthy, s.show)
}

func (s *stage) show() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.page == nil {
		return // it is over
	}
	v, err := view.Start(view.Config{
		Source: s.page.Document, Quit: func() { interrupt(s.ctx) }, In: s.in, Out: s.out,
	})
	if err != nil {
		return // the lines tell it
	}
	s.view = v
	s.report.PrintTo(v.Log)
	s.logs.writeTo(v.Log)
}

// hide gives the terminal back.
func (s *stage) hide(stdout, stderr io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.page == nil {
		return
	}
	s.timer.Stop()
	if s.view != nil {
		s.view.Close()
		s.report.PrintTo(stdout)
		s.logs.writeTo(stderr)
	}
	s.page.Close()
	s.page = nil
}
