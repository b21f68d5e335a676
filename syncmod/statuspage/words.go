package statuspage

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// list names some: "alice, bob and 12 others".
func list(names []string) string {
	const shown = 3
	switch n := len(names); {
	case n == 0:
		return "nobody"
	case n == 1:
		return names[0]
	case n > shown+1:
		return fmt.Sprintf("%s and %d others", strings.Join(names[:shown], ", "), n-shown)
	default:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// capital makes the first letter of a sentence a capital; a name that begins with a small
// letter keeps it.
func capital(s string) string {
	for _, word := range []string{
		"waiting for ", "this node", "its ", "operator ", "a member ", "the ", "other ", "another ",
		"nobody",
	} {
		if len(s) >= len(word) && s[:len(word)] == word {
			return string(s[0]-'a'+'A') + s[1:]
		}
	}
	return s
}

func inBrackets(name string) string {
	if name == "" {
		return ""
	}
	return " (" + name + ")"
}

// spell writes a duration as a person would say it.
func spell(d time.Duration) string {
	const tenth = 100 * time.Millisecond
	switch d = max(d, 0); {
	case d < tenth:
		return "less than 0.1 s"
	case d.Round(tenth) < 10*time.Second:
		return strconv.FormatFloat(d.Round(tenth).Seconds(), 'f', -1, 64) + " s"
	case d.Round(time.Second) < time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	}
	if d = d.Round(time.Second); d < time.Hour {
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}
