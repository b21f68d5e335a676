package refpeer

// Variant says which of the known programs the peer behaves like, where they
// differ.
type Variant int

const (
	// CharonLike serves any number of streams from a peer, tries again when its
	// protocol is not supported yet, applies nothing of a request that it rejects
	// for its version or signature, and answers a step that it rejects before it
	// ends the stream.
	CharonLike Variant = iota
	// PlutoLike drops a second stream from a peer while the first one is open on the
	// same connection, takes one failed negotiation as final, applies the steps of
	// requests that it rejects, ends the stream without an answer on a step that
	// it rejects, and tells no nickname.
	PlutoLike
	// OlderCharonLike is CharonLike, but treats steps as PlutoLike does.
	OlderCharonLike
)

// String names the variant.
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
