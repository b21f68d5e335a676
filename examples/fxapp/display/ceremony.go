package display

import (
	"fmt"
	"time"
)

// Ceremony describes the ceremony that a report is about: its members, what they do,
// and what goes wrong.
type Ceremony struct {
	Hash      []byte        // the definition's hash
	Members   []string      // their names, by operator index
	Steps     []string      // the steps' names
	Transport string        // for people
	Late      time.Duration // delay before the last node starts
	FaultStep int           // the step in which a node dies or restarts
}

// Operator names a member in a sentence: "operator 2 (carol)".
func (c Ceremony) Operator(index int) string {
	return fmt.Sprintf("operator %d (%s)", index, c.Members[index])
}

// stepCount returns the number of steps in words.
func (c Ceremony) stepCount() string {
	if len(c.Steps) == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", len(c.Steps))
}

// nameWidth returns the width of the longest step name.
func (c Ceremony) nameWidth() int {
	width := 0
	for _, name := range c.Steps {
		width = max(width, len(name))
	}
	return width
}

// isLate reports whether a node is the one that starts late.
func (c Ceremony) isLate(node int) bool { return c.Late > 0 && node == len(c.Members)-1 }
