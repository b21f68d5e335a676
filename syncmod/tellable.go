package syncmod

import (
	"strings"

	"github.com/dkgsync/dkgsync/syncmod/internal/redact"
)

// tellable returns the reason of an abort in a form that the other members may be told:
// one printable line of at most 256 bytes without secrets. It returns the text itself
// if nothing has to change.
func tellable(s string) string {
	const enough, passes = 16 * maxReason, 8
	if len(s) > enough { // the rest would not be told anyway
		s = s[:enough]
		s = s[:strings.LastIndexAny(s, " \t\r\n")+1] + "…" // a part of a key would not look like a key
	}
	s = strings.Join(strings.Fields(s), " ")
	s = printable(s, len(s))
	for range passes { // after a pass has hidden or cut something, the rest may read differently
		told := printable(redact.Text(s), maxReason)
		if told == s {
			break
		}
		s = told
	}
	return s
}
