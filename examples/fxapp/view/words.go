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

// nickname is what a member calls itself, if that is not its name.
func nickname(m statuspage.Member) string {
	if m.Nickname == m.Name {
		return ""
	}
	return m.Nickname
}

// unknown stands for what a member has not said.
const unknown = "?"

// wait writes how long a wait is, as the answers have it.
func wait(d time.Duration) string {
	const tenth = 100 * time.Millisecond
	switch {
	case d < tenth:
		return "less than 0.1 s"
	case d < time.Second-tenth/2:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return brief(d)
}

// reachedBy says how many of the others reach a member, of those that say whether they do;
// nothing where there are too many members for that.
func reachedBy(c *statuspage.Detail, member int) string {
	if c.Members[c.Self].Links == "" {
		return ""
	}
	reach, say := 0, 0
	for i, m := range c.Members {
		if i == member || member >= len(m.Links) {
			continue
		}
		switch m.Links[member] {
		case '?', 'g': // after its goodbye, nobody has to reach a member
		case '=', '~', '>':
			reach, say = reach+1, say+1
		default:
			say++
		}
	}
	if say == 0 {
		return unknown
	}
	return fmt.Sprintf("%d of %d", reach, say)
}
