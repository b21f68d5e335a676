package statuspage

import (
	"fmt"
	"strings"
	"time"
)

// Diagnosis returns the ceremony as text, for people who cannot see this page.
func (d *Detail) Diagnosis() string {
	var b strings.Builder
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\n", a...) }
	self := d.Members[d.Self]
	line("Ceremony %s, attempt %d, as operator %d (%s) sees it at %s",
		d.Definition, d.Attempt, self.Index, self.Name, d.At.UTC().Format(time.RFC3339))
	line("%s.", d.Headline)
	line("Phase %s, step %d%s, since %s.",
		d.Phase, d.Step, inBrackets(d.StepName), d.Since.UTC().Format(time.RFC3339))
	if d.Error != "" {
		line("Error: %s", d.Error)
	}
	if d.Waiting != nil {
		line("Wait: %s", d.Waiting.Text)
	}
	line("\nMembers:")
	for _, m := range d.Members {
		line("  %s", m.line())
	}
	if len(d.Broken) > 0 {
		line("\nBroken pairs:")
	}
	for _, p := range d.Broken {
		line("  %d-%d: %s (for %s)", p.A, p.B, p.Text, spell(d.At.Sub(p.Since)))
	}
	if self.Links != "" {
		line("\nWho reaches whom (row sees column; = both ways, ~ through a relay, > only to it, < only from it, " +
			"! not at all, g has said goodbye, ? not reported):")
		for _, m := range d.Members {
			line("  %3d %s", m.Index, m.Links)
		}
	}
	if len(d.Passed) > 0 {
		line("\nBarriers:")
	}
	for _, p := range d.Passed {
		line("  %s, step %d%s: passed at %s after %s, last was %s%s", p.Kind, p.Step, inBrackets(p.Name),
			p.Passed.UTC().Format(time.RFC3339), spell(p.Passed.Sub(p.Since)), d.Members[p.Last].Name, p.behind())
	}
	if d.Attested != "" {
		line("\nAttested: %s", d.Attested)
	}
	return b.String()
}

func (m Member) line() string {
	if m.Path == pathSelf {
		return fmt.Sprintf("%d %s %s: this node, at step %d%s", m.Index, m.Name, m.ID, m.Step, m.says())
	}
	text := fmt.Sprintf("%d %s %s: %s, at step %d; path %s%s", m.Index, m.Name, m.ID, m.State, m.Step, m.Path, m.says())
	if m.RTT > 0 {
		text += fmt.Sprintf(", round trip %g ms", m.RTT)
	}
	if m.Reconnects > 0 {
		text += fmt.Sprintf(", %d reconnects", m.Reconnects)
	}
	if m.LastError != "" {
		text += ", last error: " + m.LastError
	}
	return text
}

// says returns what a member says about itself.
func (m Member) says() (text string) {
	if m.Nickname != "" {
		text += fmt.Sprintf(", calls itself %q", m.Nickname)
	}
	if m.Version != "" {
		text += ", version " + m.Version
	}
	return text
}

func (p PassedBarrier) behind() string {
	if p.Behind == 0 {
		return ""
	}
	return fmt.Sprintf(", %g ms after the one before", p.Behind)
}
