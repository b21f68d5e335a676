package report

// The values of error.type in spans and metrics.
const (
	TypeVersionMismatch  = "version_mismatch"
	TypeBadSignature     = "bad_signature"
	TypeMembersMismatch  = "members_mismatch"
	TypeResultMismatch   = "result_mismatch"
	TypePeerRestarted    = "peer_restarted"
	TypeSelfRestarted    = "self_restarted"
	TypeStepSkipped      = "step_skipped"
	TypeLeftBehind       = "left_behind"
	TypePeerRejected     = "peer_rejected"
	TypePeerAborted      = "peer_aborted"
	TypePeerTimeout      = "peer_timeout"
	TypePeerLeft         = "peer_left"
	TypeHostClosed       = "host_closed"
	TypeAborted          = "aborted"
	TypeStopped          = "stopped"
	TypeDialFailed       = "dial_failed"
	TypeDeadlineExceeded = "deadline_exceeded"
	TypeNotAMember       = "not_a_member"
	TypeOther            = "_OTHER"
)
