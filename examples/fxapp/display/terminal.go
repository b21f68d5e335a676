package display

import (
	"io"
	"os"
	"strconv"
	"strings"
)

// colours holds the colour code of each glyph.
var colours = map[rune]string{working: "32", waiting: "2", lastThere: "33;1", notPassed: "31;1"}

// columns returns the width of the terminal within useful bounds, or a default if it is unknown.
func columns() int {
	const least, usual, most = 60, 100, 120
	n, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil {
		return usual
	}
	return min(max(n, least), most)
}

// isColourTerminal reports whether out shows colours and the user allows them.
func isColourTerminal(out io.Writer) bool {
	if os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// paint adds colours to glyphs.
func paint(row []rune, coloured bool) string {
	if !coloured {
		return string(row)
	}
	var out strings.Builder
	for from := 0; from < len(row); {
		to := from + 1
		for to < len(row) && row[to] == row[from] {
			to++
		}
		text := string(row[from:to])
		if colour := colours[row[from]]; colour != "" {
			text = "\x1b[" + colour + "m" + text + "\x1b[0m"
		}
		out.WriteString(text)
		from = to
	}
	return out.String()
}
