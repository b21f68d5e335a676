package syncmod

import (
	"strings"

	"github.com/dkgsync/dkgsync/syncmod/internal/redact"
)

// tellable makes a reason of this node's own fit to be told to the other members:
// one printable line of at most 256 bytes without secrets. It returns the text
// itself when there is nothing to do.
func tellable(s string) string {
	const enough, passes = 16 * maxReason, 8
	if len(s) > enough { // what follows would not be told anyway
		s = s[:enough]
		s = s[:strings.LastIndexAny(s, " \t\r\n")+1] + "…" // part of a key would not look like one
	}
	s = strings.Join(strings.Fields(s), " ")
	s = printable(s, len(s))
	for range passes { // what is hidden and cut changes how the rest reads
		told := printable(redact.Text(s), maxReason)
		if told == s {
			break
		}
		s = told
	}
	return s
}
