package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// line is one measurement: a name, and ordered pairs of key and value.
type line struct {
	name string
	keys []string
	text map[string]string
}

func newLine(name string) line { return line{name: name, text: make(map[string]string)} }

type (
	percent float64 // of one processor
	kib     float64 // given in bytes
	number  float64
)

// with returns the line with one more pair.
func (l line) with(key string, value any) line {
	var text string
	switch v := value.(type) {
	case time.Duration:
		text = spell(v)
	case percent:
		text = fmt.Sprintf("%.2f%%", v)
	case kib:
		text = fmt.Sprintf("%.1fKiB", v/1024)
	case number:
		text = fmt.Sprintf("%.2f", v)
	default:
		text = strings.ReplaceAll(fmt.Sprint(v), " ", "_")
	}
	l.keys = append(l.keys, key)
	l.text[key] = text
	return l
}

// String returns the line as it is printed.
func (l line) String() string {
	var b strings.Builder
	b.WriteString(l.name)
	for _, key := range l.keys {
		b.WriteString(" " + key + "=" + l.text[key])
	}
	return b.String()
}

// parseLine parses a line that was printed.
func parseLine(s string) (line, bool) {
	fields := strings.Fields(s)
	if len(fields) < 2 {
		return line{}, false
	}
	l := newLine(fields[0])
	for _, field := range fields[1:] {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return line{}, false
		}
		l = l.with(key, value)
	}
	return l, true
}

func (l line) duration(key string) time.Duration {
	d, _ := time.ParseDuration(l.text[key])
	return d
}

func (l line) int(key string) int {
	n, _ := strconv.Atoi(l.text[key])
	return n
}

// spell formats a duration with three digits.
func spell(d time.Duration) string {
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "µs"}} {
		if d < unit.size {
			continue
		}
		v := float64(d) / float64(unit.size)
		switch {
		case v < 10:
			return fmt.Sprintf("%.2f%s", v, unit.name)
		case v < 100:
			return fmt.Sprintf("%.1f%s", v, unit.name)
		}
		return fmt.Sprintf("%.0f%s", v, unit.name)
	}
	return fmt.Sprintf("%dns", d.Nanoseconds())
}

// ratio returns one measurement divided by another.
func ratio[T ~int64 | ~float64](a, b T) number {
	if b == 0 {
		return 0
	}
	return number(float64(a) / float64(b))
}

// percentile returns the smallest duration that p percent of the durations do not
// exceed, and 0 if there are none.
func percentile(of []time.Duration, p int) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	return sorted[max(0, (len(sorted)*p+99)/100-1)]
}
