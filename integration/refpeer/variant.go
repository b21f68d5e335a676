package refpeer

// Variant says which of the known programs the peer behaves like. It matters only where
// they differ.
type Variant int

const (
	// CharonLike serves any number of streams from a peer. It tries again if a host
	// does not support the protocol yet. If it rejects a request because of the
	// version or the signature, it applies nothing of the request. If it rejects a
	// step, it answers before it ends the stream.
	CharonLike Variant = iota
	// PlutoLike drops a second stream from a peer while the first one is open on the
	// same connection. It takes one failed negotiation as final. It applies the steps
	// of requests that it rejects. If it rejects a step, it ends the stream without an
	// answer. It sends no nickname.
	PlutoLike
	// OlderCharonLike behaves like CharonLike, but treats steps as PlutoLike does.
	OlderCharonLike
)

// String returns the name of the variant.
func (v Variant) String() string {
	return [...]string{"Charon-like", "Pluto-like", "older Charon-like"}[v]
}

func (v Variant) dropsSecondStreams() bool   { return v == PlutoLike }
func (v Variant) negotiatesOnce() bool       { return v == PlutoLike }
func (v Variant) tellsNickname() bool        { return v != PlutoLike }
func (v Variant) appliesRejectedSteps() bool { return v != CharonLike }
func (v Variant) answersRejectedSteps() bool { return v == CharonLike }
func (v Variant) maxFrame() int64 {
	if v == PlutoLike {
		return 128 << 20
	}
	return 32 << 20
}
