package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/dkgsync/dkgsync/examples/fxapp/view"
	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// terminal is where a node shows its ceremony live. The zero value shows nothing: log
// lines tell it.
type terminal struct{ in, out *os.File }

// terminalOf is the terminal of a command, if there is one and it is free to show a view
// where the log would be printed.
func terminalOf(cmd *cobra.Command, format string) terminal {
	if format != textFormat || exportsToConsole() || !view.Fits(cmd.InOrStdin(), cmd.ErrOrStderr()) {
		return terminal{}
	}
	in, _ := cmd.InOrStdin().(*os.File)
	out, _ := cmd.ErrOrStderr().(*os.File)
	return terminal{in, out}
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
	if p.in == nil {
		return func() {}
	}
	page := statuspage.New(p.service)
	v, err := view.Start(view.Config{
		Source: page.Document, Quit: func() { interrupt(ctx) }, In: p.in, Out: p.out,
	})
	if err != nil {
		page.Close()
		p.log.WithError(err).Warn("the view cannot be shown")
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
