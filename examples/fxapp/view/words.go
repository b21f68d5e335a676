package view

import (
	"fmt"
	"strings"
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

// stepText names the step of a member.
func stepText(c *statuspage.Detail, m statuspage.Member) string {
	switch n := int64(len(c.Steps)); {
	case m.Done:
		return "done"
	case m.Step < 0:
		return ""
	case m.Step == 0:
		return "not begun"
	case m.Step <= n:
		return fmt.Sprintf("%d %s", m.Step, clean(c.Steps[m.Step-1]))
	case n > 0:
		return "last barrier"
	default:
		return fmt.Sprint(m.Step)
	}
}

// nickname is what a member calls itself, if that is not its name.
func nickname(m statuspage.Member) string {
	if m.Nickname == m.Name {
		return ""
	}
	return m.Nickname
}

// reachedBy says how many of the others reach a member; nothing where there are too many
// members for that.
func reachedBy(c *statuspage.Detail, member int) string {
	if c.Members[c.Self].Links == "" {
		return ""
	}
	count := 0
	for i, m := range c.Members {
		if i != member && member < len(m.Links) && strings.ContainsRune("=~>", rune(m.Links[member])) {
			count++
		}
	}
	return fmt.Sprintf("%d of %d", count, len(c.Members)-1)
}
