//go:build linux || darwin

package main

import (
	"context"
	"flag"
	"fmt"
	"html"
	"image/color"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/stretchr/testify/require"
)

var picture = flag.String("picture", "", "where to write a picture of the view, as SVG")

// The README shows this picture of the program in a terminal. make view-picture draws it.
func TestPictureOfTheView(t *testing.T) {
	if *picture == "" {
		t.Skip("no -picture: make view-picture")
	}
	s := &site{dir: t.TempDir(), listen: make(map[string]string)}
	names := []string{"alice", "bob", "carol", "dave", "erin"}
	addrs, err := loopbackAddrs(len(names), tcp)
	require.NoError(t, err)
	define := []string{"define", "--out", s.file("ceremony.json")}
	for i, name := range names {
		s.listen[name] = addrs[i].String()
		define = append(define, name+"="+s.keygen(t, name)+"@"+s.listen[name])
	}
	code, _, stderr := execute(t, define...)
	require.Zero(t, code, stderr)
	others, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	for _, name := range []string{"bob", "carol", "erin"} {
		running.Go(func() { run(others, s.node(name), io.Discard, io.Discard) })
	}
	w := newWindow(t, 112, 32)
	w.run(s.node("alice")...)
	w.until("still waiting after 10s")
	w.until("connection refused")
	w.mu.Lock()
	drawn := draw(w.emulator, 112, 32)
	w.mu.Unlock()
	w.types("\x03")
	w.code()

	require.NoError(t, os.WriteFile(*picture, []byte(drawn), 0o600))
}

type cells interface{ CellAt(x, y int) *uv.Cell }

const (
	cellWidth, cellHeight = 8, 17
	paper, letters        = "#ffffff", "#1f2328"
)

// draw draws a terminal as SVG.
func draw(terminal cells, width, height int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" `+
		`font-family="ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace" font-size="13">`+"\n"+
		`<rect width="100%%" height="100%%" rx="6" fill="%s" stroke="#d0d7de"/>`+"\n",
		(width+2)*cellWidth, (height+1)*cellHeight, paper)
	for y := range height {
		for x := 0; x < width; {
			x = drawRun(&b, terminal, x, y, width)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// drawRun draws consecutive cells of one style, and returns where the next run begins.
func drawRun(b *strings.Builder, terminal cells, x, y, width int) (next int) {
	style := terminal.CellAt(x, y).Style
	text, from := "", x
	for ; x < width && terminal.CellAt(x, y).Style.Equal(&style); x++ {
		text += terminal.CellAt(x, y).Content
	}
	if strings.TrimSpace(text) == "" && style.Attrs&uv.AttrReverse == 0 {
		return x
	}
	ink, back := webColour(style.Fg, letters), ""
	if style.Attrs&uv.AttrReverse != 0 {
		ink, back = paper, ink
	}
	left, top := (from+1)*cellWidth, y*cellHeight+cellHeight/2
	if back != "" {
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" fill="%s"/>`+"\n",
			left, top, (x-from)*cellWidth, cellHeight, back)
	}
	look := ""
	if style.Attrs&uv.AttrBold != 0 {
		look += ` font-weight="bold"`
	}
	if style.Attrs&uv.AttrFaint != 0 {
		look += ` opacity="0.65"`
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" textLength="%d" fill="%s" xml:space="preserve"%s>%s</text>`+"\n",
		left, top+cellHeight*3/4, (x-from)*cellWidth, ink, look, html.EscapeString(text))
	return x
}

func webColour(c color.Color, otherwise string) string {
	if c == nil {
		return otherwise
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}
