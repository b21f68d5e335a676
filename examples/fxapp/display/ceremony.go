package display

import (
	"fmt"
	"time"
)

// Ceremony is what a report is about: what the nodes do, among whom, and what is done
// to them.
type Ceremony struct {
	Hash      []byte        // of the definition
	Members   []string      // their names, by operator index
	Steps     []string      // their names
	Transport string        // for people
	Late      time.Duration // by how much the last node starts late
	FaultStep int           // in which step a node dies or restarts
}

// Operator names a member in a sentence: "operator 2 (carol)".
func (c Ceremony) Operator(index int) string {
	return fmt.Sprintf("operator %d (%s)", index, c.Members[index])
}

// stepCount says how many steps there are.
func (c Ceremony) stepCount() string {
	if len(c.Steps) == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", len(c.Steps))
}

// nameWidth is how much room the names of the steps need.
func (c Ceremony) nameWidth() int {
	width := 0
	for _, name := range c.Steps {
		width = max(width, len(name))
	}
	return width
}

// isLate tells whether a node is the one that starts late.
func (c Ceremony) isLate(node int) bool { return c.Late > 0 && node == len(c.Members)-1 }
