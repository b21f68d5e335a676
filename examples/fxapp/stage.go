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

// lookWorthy is how long a demo must take before a view of it is shown.
const lookWorthy = time.Second

// stage is the terminal of a demo. If the demo takes long enough, the stage shows the
// ceremony as one of the nodes sees it, with the report in the place of the log. At the end
// only the report remains in the terminal.
type stage struct {
	terminal
	ctx    context.Context // ended when the operator interrupts the demo
	report *display.Report
	logs   *lockedWriter

	mu    sync.Mutex
	page  *statuspage.Page // of the watched node
	view  *view.View
	timer *time.Timer
}

// watch sets the service whose ceremonies are shown. Only the first call counts.
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
		return // the demo is over
	}
	v, err := view.Start(view.Config{
		Source: s.page.Document, Quit: func() { interrupt(s.ctx) }, In: s.in, Out: s.out,
	})
	if err != nil {
		return // the report's lines are enough
	}
	s.view = v
	s.report.PrintTo(v.Log)
	s.logs.writeTo(v.Log)
}

// hide ends the view and gives the terminal back.
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
