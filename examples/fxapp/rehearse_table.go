package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	clockWarning = 5 * time.Second // a larger clock difference is shown
	widestRemark = 64              // characters of a line of the table's last column
)

// table shows all members but this node.
func (r *rehearsal) table(s syncmod.Status) string {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format = table.FormatOptions{Header: text.FormatDefault, Row: text.FormatDefault}
	w.Style().Options.SeparateColumns = false
	w.AppendHeader(table.Row{
		"operator", "path", "version", "nickname", "signature", "clock", "round trip", "step", "what is wrong",
	})
	w.SetColumnConfigs([]table.ColumnConfig{{Number: 9, WidthMax: widestRemark, WidthMaxEnforcer: text.WrapSoft}})
	now := time.Now()
	for _, p := range s.Peers {
		w.AppendRow(table.Row{
			fmt.Sprintf("%d %s", p.Index, nameOf(p.Peer)), pathText(p), orNothing(p.Version), orNothing(p.Nickname),
			signatureText(p), clockText(p), rttText(p), stepText(p), remark(p, now),
		})
	}
	return w.Render()
}

const nothing = "–"

func orNothing(text string) string {
	if text == "" {
		return nothing
	}
	return text
}

// heard reports whether a member has said anything.
func heard(p syncmod.PeerStatus) bool { return p.Step >= 0 }

func pathText(p syncmod.PeerStatus) string {
	switch {
	case !p.Outbound:
		return nothing
	case p.Relayed:
		return "relay"
	}
	return "direct"
}

func signatureText(p syncmod.PeerStatus) string {
	switch {
	case errors.Is(p.Fault, syncmod.ErrBadSignature):
		return "does not fit"
	case !heard(p):
		return nothing
	}
	return "fits"
}

// clockText says how far a member's clock differs. A difference below clockWarning counts as
// ok, because it may come from the time that a request travels.
func clockText(p syncmod.PeerStatus) string {
	switch offset := p.ClockOffset.Round(time.Second); {
	case !heard(p):
		return nothing
	case offset.Abs() < clockWarning:
		return "ok"
	case offset < 0:
		return offset.Abs().String() + " behind"
	default:
		return offset.String() + " ahead"
	}
}

func rttText(p syncmod.PeerStatus) string {
	if !p.Outbound || p.RTT == 0 {
		return nothing
	}
	return p.RTT.Round(100 * time.Microsecond).String()
}

func stepText(p syncmod.PeerStatus) string {
	if !heard(p) {
		return nothing
	}
	return fmt.Sprint(p.Step)
}

// remark says what is wrong with a member, or that it is rehearsing too.
func remark(p syncmod.PeerStatus, now time.Time) string {
	switch {
	case rehearses(p):
		return "nothing; it is rehearsing too"
	case fit(p):
		return ""
	}
	return p.Describe(now)
}
