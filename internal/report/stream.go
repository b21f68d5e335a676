package report

import "time"

// StreamStart is the beginning of a stream.
type StreamStart struct {
	Peer    int
	Inbound bool
	Relayed bool
	At      time.Time
}

// StreamEnd is the end of a stream.
type StreamEnd struct {
	At       time.Time
	Messages int64
	Reason   string // one of the End constants
	Err      error  // set only for refusals and protocol errors
	Type     string // one of the Type constants; empty without Err
}

// The reasons why a stream ended.
const (
	EndGoodbye    = "goodbye"    // a goodbye was said and answered
	EndAbort      = "abort"      // a failure was announced and answered
	EndRefused    = "refused"    // one side answered with an error
	EndClosed     = "closed"     // the other side closed it
	EndLost       = "lost"       // it was reset, or its connection died
	EndTimeout    = "timeout"    // the other side was silent for too long
	EndProtocol   = "protocol"   // the other side broke the protocol: a bad frame or message, or one out of turn
	EndSuperseded = "superseded" // a newer stream of the same member replaced it
	EndMoved      = "moved"      // it moved to a direct connection
	EndStopped    = "stopped"    // this node stopped it
)
