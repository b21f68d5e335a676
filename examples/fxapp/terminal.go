package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/sirupsen/logrus"

	"github.com/dkgsync/dkgsync/examples/fxapp/view"
	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// terminal is where a node shows its ceremony live. The zero value shows nothing: log
// lines tell it.
type terminal struct{ in, out *os.File }

// isLive reports whether the node's ceremony is shown live.
func (t terminal) isLive() bool { return t.in != nil }

// terminalOf is where a view can be shown, if it can.
func terminalOf(in io.Reader, out io.Writer) terminal {
	if exportsToConsole() || !view.Fits(in, out) {
		return terminal{}
	}
	keys, _ := in.(*os.File)
	screen, _ := out.(*os.File)
	return terminal{keys, screen}
}

// exportsToConsole reports whether telemetry is printed.
func exportsToConsole() bool {
	for _, kind := range []string{"TRACES", "METRICS", "LOGS"} {
		if strings.Contains(os.Getenv("OTEL_"+kind+"_EXPORTER"), "console") {
			return true
		}
	}
	return false
}

// show shows the node's ceremony until the function that it returns is called. Until then
// the log is a part of it.
func (p *participation) show(ctx context.Context) func() {
	if !p.isLive() {
		return func() {}
	}
	page := statuspage.New(p.service)
	v, err := view.Start(view.Config{
		Source: page.Document, Quit: func() { interrupt(ctx) }, In: p.in, Out: p.out, Last: true,
	})
	if err != nil {
		page.Close()
		p.log.WithError(err).Warn("the view cannot be shown")
		p.terminal = terminal{}
		return func() {}
	}
	p.log.SetOutput(v.Log)
	if p.log.IsLevelEnabled(logrus.DebugLevel) {
		gologshim.SetDefaultHandler(slog.NewTextHandler(v.Log, nil))
	}
	return sync.OnceFunc(func() {
		v.Close()
		page.Close()
	})
}
