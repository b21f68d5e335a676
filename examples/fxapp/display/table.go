package display

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/dkgsync/dkgsync/syncmod"
)

// With up to wideTable barriers, each barrier has a column of its own.
const wideTable = 8

// Finish prints the timeline and the table, and why nodes did not complete. It returns
// nil if every node completed in lockstep, and all have the same receipt. If a node
// did not complete and cause is not nil, Finish returns cause.
func (r *Report) Finish(cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = fmt.Fprintf(r.out, "\n%s\n%s\n\n", r.timeline(), r.table())
	complete := 0
	for _, n := range r.nodes {
		if n.status.Phase == syncmod.Complete {
			complete++
		}
	}
	if err := r.lockstep(); err != nil {
		return err
	}
	if complete == len(r.nodes) {
		receipt, err := r.receipt()
		if err != nil {
			return err
		}
		r.attempts()
		r.line("receipt: %s", receipt)
		r.line("complete: %d nodes, %s, nobody passed a barrier before everyone had arrived",
			complete, r.ceremony.stepCount())
		return nil
	}
	if !r.stop.IsZero() {
		r.line("all nodes have stopped within %s", brief(time.Since(r.stop)))
	}
	why := make([]error, len(r.nodes))
	for i, n := range r.nodes {
		if !n.dead {
			why[i] = n.status.Err
		}
	}
	for _, v := range r.verdicts(why) {
		_, _ = fmt.Fprintln(r.out, v)
	}
	if cause != nil {
		return cause
	}
	return fmt.Errorf("the ceremony failed: %d of %d nodes completed it", complete, len(r.nodes))
}

// attempts says in which attempt the nodes completed, and why the previous attempt
// failed. It prints nothing if all completed in the first.
func (r *Report) attempts() {
	why := make([]error, len(r.nodes))
	for i, n := range r.nodes {
		if why[i] = n.before; n.again && n.attempt == 0 {
			r.line("%s restarted, and completed in the first attempt of its new process", r.ceremony.Operator(i))
		}
	}
	for _, v := range r.verdicts(why) {
		number := r.nodes[v.nodes[0]].attempt
		r.line("%s completed in attempt %d; attempt %d had failed: %s",
			operators(v.nodes), number, number-1, v.text)
	}
}

// receipt says what all members attested, according to the receipts of the nodes.
func (r *Report) receipt() (string, error) {
	first, err := json.Marshal(r.nodes[0].receipt)
	if err != nil {
		return "", err
	}
	for i, n := range r.nodes {
		if n.receipt == nil {
			return "", fmt.Errorf("%s has no receipt", r.ceremony.Operator(i))
		}
		if err := n.receipt.Verify(); err != nil {
			return "", fmt.Errorf("the receipt of %s: %w", r.ceremony.Operator(i), err)
		}
		if text, err := json.Marshal(n.receipt); err != nil || !bytes.Equal(text, first) {
			return "", fmt.Errorf("the receipts of %s and %s differ", r.ceremony.Operator(i), r.ceremony.Operator(0))
		}
	}
	return fmt.Sprintf("all %d attest result %x…, each with its signature; the same %d bytes of JSON on every node",
		len(r.nodes), r.nodes[0].receipt.Result()[:8], len(first)), nil
}

// lockstep checks the purpose of the protocol: no node passed a barrier before all had
// arrived.
func (r *Report) lockstep() error {
	for b := 1; b < len(r.ceremony.Steps)+2; b++ {
		s := r.sum(b)
		for i, n := range r.nodes {
			passed := n.waits[b].passed
			// A node's arrival at barrier 1 is noted only after it has passed, so it may be missing.
			early := s.missing && b > 1 || passed.Before(s.lastArrived)
			if !passed.IsZero() && early {
				return fmt.Errorf("not in lockstep: %s passed barrier %d before %s had arrived",
					r.ceremony.Operator(i), b, r.ceremony.Operator(s.last))
			}
		}
	}
	return nil
}

// verdict is a failure, and the nodes that report it.
type verdict struct {
	nodes, told []int // told: the nodes that heard of it from others
	text        string
}

func (v verdict) String() string {
	text := operators(v.nodes) + ": " + v.text
	if len(v.told) > 0 && len(v.told) < len(v.nodes) {
		text += " (" + operators(v.told) + " heard of it from others)"
	}
	return text
}

// verdicts groups the nodes' failures by culprit. The text comes from a node that saw
// the failure itself; other nodes only pass it on.
func (r *Report) verdicts(why []error) []*verdict {
	var all []*verdict
	by := make(map[string]*verdict)
	for i, err := range why {
		if err == nil {
			continue
		}
		key := err.Error()
		if culprit, ok := errors.AsType[*syncmod.PeerError](err); ok {
			key = fmt.Sprint(culprit.Index)
		} else if errors.Is(err, syncmod.ErrResultMismatch) {
			key = "different results"
		}
		if by[key] == nil {
			by[key] = &verdict{text: r.told(i, err)}
			all = append(all, by[key])
		}
		v := by[key]
		if errors.Is(err, syncmod.ErrPeerAborted) || strings.Contains(err.Error(), "the results differ, "+
			"according to ") {
			v.told = append(v.told, i)
		} else if len(v.told) == len(v.nodes) {
			v.text = r.told(i, err)
		}
		v.nodes = append(v.nodes, i)
	}
	return all
}

// told returns a node's error in words that hold for several nodes.
func (r *Report) told(node int, err error) string {
	if errors.Is(err, syncmod.ErrResultMismatch) {
		return strings.Replace(err.Error(), "this node", r.ceremony.Operator(node), 1)
	}
	return err.Error()
}

// table shows how long each node waited. With few barriers it shows each barrier.
func (r *Report) table() string {
	barriers := len(r.ceremony.Steps) + 1
	header := table.Row{"operator", "outcome", "peers", "step", "connect"}
	footer := table.Row{"last to arrive", "", "", "", r.lastAt(0)}
	if barriers <= wideTable {
		for b := 1; b <= barriers; b++ {
			header = append(header, fmt.Sprintf("barrier %d", b))
			footer = append(footer, r.lastAt(b))
		}
	} else {
		header = append(header, "all barriers", "longest", "at barrier", "last to arrive")
	}
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format = table.FormatOptions{
		Header: text.FormatDefault,
		Footer: text.FormatDefault,
		Row:    text.FormatDefault,
	}
	w.Style().Options.SeparateColumns = false
	w.AppendHeader(header)
	for i, n := range r.nodes {
		row := table.Row{
			fmt.Sprintf("%d %s", i, r.ceremony.Members[i]), n.outcome(),
			fmt.Sprintf("%d/%d", n.peers, len(r.nodes)-1),
			fmt.Sprintf("%d/%d", n.step(), len(r.ceremony.Steps)), n.waits[0],
		}
		if barriers <= wideTable {
			for _, at := range n.waits[1:] {
				row = append(row, at)
			}
		} else {
			row = append(row, r.summary(i)...)
		}
		w.AppendRow(row)
	}
	if barriers <= wideTable {
		w.AppendFooter(footer)
	}
	columns := make([]table.ColumnConfig, len(header))
	for i := range columns {
		columns[i] = table.ColumnConfig{
			Number:      i + 1,
			Align:       text.AlignRight,
			AlignHeader: text.AlignRight,
			AlignFooter: text.AlignRight,
		}
		if i < 2 {
			columns[i] = table.ColumnConfig{Number: i + 1}
		}
	}
	w.SetColumnConfigs(columns)
	return w.Render()
}

// summary shows all barriers of one node in four columns.
func (r *Report) summary(node int) table.Row {
	var total, longest time.Duration
	at, last := 0, 0
	for b, w := range r.nodes[node].waits {
		if b == 0 || w.passed.IsZero() {
			continue
		}
		d := w.passed.Sub(w.arrived)
		total += d
		if d > longest {
			longest, at = d, b
		}
		if r.sum(b).last == node {
			last++
		}
	}
	return table.Row{brief(total), brief(longest), at, fmt.Sprintf("%d×", last)}
}

// lastAt names the node that arrived last, once all nodes have arrived.
func (r *Report) lastAt(barrier int) string {
	s := r.sum(barrier)
	if s.missing {
		return "–"
	}
	return fmt.Sprintf("%d %s", s.last, r.ceremony.Members[s.last])
}

// barrierSum is a barrier as the whole cluster passed it.
type barrierSum struct {
	firstArrived, lastArrived, lastPassed time.Time

	last    int  // the node that arrived last, or has not arrived
	missing bool // a node has not arrived
	waiting bool // a node has not passed
}

func (r *Report) sum(barrier int) barrierSum {
	var s barrierSum
	for i, n := range r.nodes {
		w := n.waits[barrier]
		s.waiting = s.waiting || w.passed.IsZero()
		if i == 0 || w.arrived.Before(s.firstArrived) {
			s.firstArrived = w.arrived
		}
		if w.arrived.IsZero() {
			s.missing, s.last = true, i
		}
		if w.arrived.After(s.lastArrived) {
			s.lastArrived = w.arrived
			if !s.missing {
				s.last = i
			}
		}
		if w.passed.After(s.lastPassed) {
			s.lastPassed = w.passed
		}
	}
	return s
}

func (n record) outcome() string {
	switch {
	case n.dead:
		return "died"
	case n.waits[0].arrived.IsZero():
		return "not started"
	case n.status.Phase < syncmod.Complete || errors.Is(n.status.Err, syncmod.ErrStopped):
		return "stopped"
	}
	return n.status.Phase.String()
}

// step returns the latest step that the node has begun: it has passed the barrier before
// that step.
func (n record) step() int {
	begun := 0
	for b := 1; b < len(n.waits)-1; b++ {
		if !n.waits[b].passed.IsZero() {
			begun = b
		}
	}
	return begun
}

// String returns how long the wait took, "waiting" if it goes on, or "" if it has not begun.
func (w wait) String() string {
	switch {
	case w.arrived.IsZero():
		return ""
	case w.passed.IsZero():
		return "waiting"
	}
	return brief(w.passed.Sub(w.arrived))
}

// brief writes a duration for people to read.
func brief(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000)
}

// operators lists operator indexes in a sentence: "operators 0-3, 5".
func operators(indices []int) string {
	slices.Sort(indices)
	var parts []string
	for first := 0; first < len(indices); {
		last := first
		for last+1 < len(indices) && indices[last+1] == indices[last]+1 {
			last++
		}
		part := fmt.Sprint(indices[first])
		if last > first {
			part += fmt.Sprintf("-%d", indices[last])
		}
		parts = append(parts, part)
		first = last + 1
	}
	word := "operators "
	if len(indices) == 1 {
		word = "operator "
	}
	return word + strings.Join(parts, ", ")
}
