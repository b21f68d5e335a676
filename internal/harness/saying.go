package harness

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// Saying changes a request.
type Saying func(*syncpb.SyncRequest)

// Step makes a request announce a step.
func Step(n int64) Saying { return func(r *syncpb.SyncRequest) { r.Step = n } }

// Session gives a request a session other than that of the peer that sends it. 0
// stands for no session.
func Session(n uint64) Saying { return func(r *syncpb.SyncRequest) { r.SessionId = n } }

// Addressee addresses a request to a process other than the one that runs at the
// receiver, as a late request from the previous attempt does.
func Addressee(n uint64) Saying { return func(r *syncpb.SyncRequest) { r.Addressee = n } }

// Attempt makes a request name its sender's attempt by its digest.
func Attempt(digest []byte) Saying { return func(r *syncpb.SyncRequest) { r.Attempt = digest } }

// Version gives a request a version.
func Version(v string) Saying { return func(r *syncpb.SyncRequest) { r.Version = v } }

// Nickname gives a request the nickname of its sender.
func Nickname(name string) Saying { return func(r *syncpb.SyncRequest) { r.Nickname = name } }

// Goodbye turns a request into a goodbye.
func Goodbye(r *syncpb.SyncRequest) { r.Shutdown = true }

// Abort turns a request into an abort with a reason and a culprit.
func Abort(reason string, culprit peer.ID) Saying {
	return func(r *syncpb.SyncRequest) { r.Abort, r.Culprit = reason, []byte(culprit) }
}

// Reporter makes an abort name the member that reported the reason first.
func Reporter(id peer.ID) Saying { return func(r *syncpb.SyncRequest) { r.Reporter = []byte(id) } }

// Members gives a request the digest of a list of members.
func Members(digest []byte) Saying { return func(r *syncpb.SyncRequest) { r.Members = digest } }

// Signature gives a request a signature, which may be wrong.
func Signature(b []byte) Saying { return func(r *syncpb.SyncRequest) { r.HashSignature = b } }

// DefinitionHash gives a request a definition hash.
func DefinitionHash(hash []byte) Saying {
	return func(r *syncpb.SyncRequest) { r.DefinitionHash = hash }
}

// View gives a request its sender's view of the members.
func View(bits []byte) Saying { return func(r *syncpb.SyncRequest) { r.View = bits } }

// Traceparent gives a request a trace context.
func Traceparent(text string) Saying { return func(r *syncpb.SyncRequest) { r.Traceparent = text } }

// Attested gives a request a result and an attestation, which may be wrong.
func Attested(result, attestation []byte) Saying {
	return func(r *syncpb.SyncRequest) { r.Result, r.Attestation = result, attestation }
}
