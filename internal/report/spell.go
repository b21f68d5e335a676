package report

import (
	"fmt"
	"math"
	"time"
)

// Spell writes a duration as a person would say it: "40 ms", "1.2 s", "12 s",
// "1 min 5 s".
func Spell(d time.Duration) string {
	d = max(d, 0)
	for _, precision := range []struct{ below, unit time.Duration }{
		{10 * time.Millisecond, 100 * time.Microsecond},
		{time.Second, time.Millisecond},
		{10 * time.Second, 100 * time.Millisecond},
		{time.Hour, time.Second},
		{math.MaxInt64, time.Minute},
	} {
		if d < precision.below {
			d = d.Round(precision.unit)
			break
		}
	}
	two := func(large, small time.Duration, largeName, smallName string) string {
		text := fmt.Sprintf("%d %s", d/large, largeName)
		if rest := d % large / small; rest > 0 {
			text += fmt.Sprintf(" %d %s", rest, smallName)
		}
		return text
	}
	switch {
	case d < time.Second:
		return fmt.Sprintf("%g ms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%g s", d.Seconds())
	case d < time.Hour:
		return two(time.Minute, time.Second, "min", "s")
	}
	return two(time.Hour, time.Minute, "h", "min")
}
