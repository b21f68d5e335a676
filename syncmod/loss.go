package syncmod

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/reason"
	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// maxLoss limits the text about a loss. The texts of package reason are shorter than
// this limit, so a text is never cut before it has said what matters.
const maxLoss = 8 << 10

// The ways in which a stream can end without an error of the network.
const (
	closedByIt  = "it closed the stream"
	silent      = "it is silent: no response within the exchange timeout"
	notProtocol = "what it sent does not follow the protocol"
	refusedHere = "this host refused its stream: "
)

// lossOf returns the error that statuses show for a lost stream, or for a stream that
// could not be opened. It returns nil when a stream ended without being lost.
func (c *core) lossOf(end stream.End) error {
	switch {
	case !end.Lost():
		return nil
	case end.Unopened:
		return shown(reason.Unopened(c.memberOf, end.Err))
	}
	switch end.Reason {
	case report.EndClosed:
		return &shownError{text: closedByIt, err: end.Err}
	case report.EndTimeout:
		return &shownError{text: silent, err: end.Err}
	case report.EndProtocol:
		text := notProtocol
		if end.Err != nil {
			text += ": " + printable(end.Err.Error(), maxReason)
		}
		return &shownError{text: text, err: end.Err}
	}
	return shown(reason.Lost(c.memberOf, end.Err))
}

// memberOf names the member with the given peer ID. It returns nothing for a stranger.
func (c *core) memberOf(id peer.ID) string {
	i := c.terms.Operator(id)
	if i < 0 {
		return ""
	}
	return operator(i, c.def.Peers[i])
}

// shown makes a reason fit to be shown: parts of it may be the words of another host.
func shown(why *reason.Error) error {
	return &shownError{text: printable(why.Error(), maxLoss), err: why}
}

// refusal says why this host had no room for a member's stream.
type refusal struct{ shownError }

func (c *core) refusalOf(err error) *refusal {
	why := reason.Refused(c.memberOf, err)
	return &refusal{shownError{text: refusedHere + printable(why.Error(), maxLoss), err: why}}
}
