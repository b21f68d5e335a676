package harness

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// Saying changes what a request says.
type Saying func(*syncpb.SyncRequest)

// Step has a request announce a step.
func Step(n int64) Saying { return func(r *syncpb.SyncRequest) { r.Step = n } }

// Session has a request belong to another session than its peer's; 0: to none.
func Session(n uint64) Saying { return func(r *syncpb.SyncRequest) { r.SessionId = n } }

// Addressee has a request mean another process of the one that it is said to than the
// one that runs there: it is a late one, from the attempt before.
func Addressee(n uint64) Saying { return func(r *syncpb.SyncRequest) { r.Addressee = n } }

// Attempt has a request name the attempt that its sender is in, by its digest.
func Attempt(digest []byte) Saying { return func(r *syncpb.SyncRequest) { r.Attempt = digest } }

// Version has a request name a version.
func Version(v string) Saying { return func(r *syncpb.SyncRequest) { r.Version = v } }

// Nickname has a request name its sender.
func Nickname(name string) Saying { return func(r *syncpb.SyncRequest) { r.Nickname = name } }

// Goodbye makes a goodbye of a request.
func Goodbye(r *syncpb.SyncRequest) { r.Shutdown = true }

// Abort makes an abort of a request, with a reason and whom it blames.
func Abort(reason string, culprit peer.ID) Saying {
	return func(r *syncpb.SyncRequest) { r.Abort, r.Culprit = reason, []byte(culprit) }
}

// Reporter has an abort name who first brought the reason.
func Reporter(id peer.ID) Saying { return func(r *syncpb.SyncRequest) { r.Reporter = []byte(id) } }

// Members has a request carry the digest of a list of members.
func Members(digest []byte) Saying { return func(r *syncpb.SyncRequest) { r.Members = digest } }

// Signature has a request carry a signature that need not be right.
func Signature(b []byte) Saying { return func(r *syncpb.SyncRequest) { r.HashSignature = b } }

// DefinitionHash has a request say which definition it means.
func DefinitionHash(hash []byte) Saying {
	return func(r *syncpb.SyncRequest) { r.DefinitionHash = hash }
}

// View has a request tell how its sender sees the members.
func View(bits []byte) Saying { return func(r *syncpb.SyncRequest) { r.View = bits } }

// Traceparent has a request carry a trace context.
func Traceparent(text string) Saying { return func(r *syncpb.SyncRequest) { r.Traceparent = text } }

// Attested has a request carry a result and an attestation that need not be right.
func Attested(result, attestation []byte) Saying {
	return func(r *syncpb.SyncRequest) { r.Result, r.Attestation = result, attestation }
}
