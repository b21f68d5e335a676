package harness

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/syncpb"
)

// Saying changes what a request says.
type Saying func(*syncpb.SyncRequest)

// Step has a request announce a step.
func Step(n int64) Saying { return func(r *syncpb.SyncRequest) { r.Step = n } }

// Session has a request belong to a session; 0: to none.
func Session(n uint64) Saying { return func(r *syncpb.SyncRequest) { r.SessionId = n } }

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

// Signature has a request carry a signature that need not be right.
func Signature(b []byte) Saying { return func(r *syncpb.SyncRequest) { r.HashSignature = b } }

// DefinitionHash has a request say which definition it means.
func DefinitionHash(hash []byte) Saying {
	return func(r *syncpb.SyncRequest) { r.DefinitionHash = hash }
}

// Traceparent has a request carry a trace context.
func Traceparent(text string) Saying { return func(r *syncpb.SyncRequest) { r.Traceparent = text } }
