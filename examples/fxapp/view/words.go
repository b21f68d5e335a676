package view

import (
	"fmt"
	"time"

	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

// brief writes a duration in a few characters.
func brief(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Millisecond:
		return "0 ms"
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// nickname returns what a member calls itself, unless that is its name.
func nickname(m statuspage.Member) string {
	if m.Nickname == m.Name {
		return ""
	}
	return m.Nickname
}

// unknown stands for what a member has not said.
const unknown = "?"

// reachedBy says how many of the others reach a member, and how many do not say. It is
// empty if nobody says, or if there are too many members.
func reachedBy(c *statuspage.Detail, member int) string {
	if c.Members[c.Self].Links == "" {
		return ""
	}
	reach, silent, others := 0, 0, 0
	for i, m := range c.Members {
		if i == member || member >= len(m.Links) {
			continue
		}
		others++
		switch m.Links[member] {
		case 'g': // after its goodbye, nobody needs to reach a member
			others--
		case '?':
			silent++
		case '=', '~', '>':
			reach++
		}
	}
	switch silent {
	case 0:
		return fmt.Sprintf("%d of %d", reach, others)
	case others:
		return ""
	}
	return fmt.Sprintf("%d of %d, %d silent", reach, others, silent)
}
