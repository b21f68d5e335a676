package faults

import (
	"context"
	"io/fs"
	"syscall"
)

// running are the faults that happen in step 2.
var running = []fault{
	{
		name: "bob's program closes his host",
		arrange: func(s *scene) {
			s.step2(func(context.Context) error { return s.nodes[bob].host.Close() })
		},
		says: saying(
			in("this node's own host was closed before the ceremony was complete", bob),
			in("operator 1 (bob) has been gone for ", alice),
		),
	},
	{
		name: "bob's disk is full",
		arrange: func(s *scene) {
			s.step2(func(context.Context) error {
				return &fs.PathError{Op: "write", Path: "/home/bob/keys/share-1.json", Err: syscall.ENOSPC}
			})
		},
		says: saying(
			in("write /home/bob/keys/share-1.json: no space left on device", bob),
			in("operator 1 (bob) gave up: step", alice, carol), in("no space left on device", alice, carol),
		),
	},
	{
		name:    "carol runs fewer steps",
		arrange: func(s *scene) { s.nodes[carol].steps = s.nodes[carol].steps[:1] },
		says:    in("operator 2 (carol) said goodbye at step 2, before the barrier of step 3", alice),
	},
	{
		name: "bob's node is stopped",
		arrange: func(s *scene) {
			s.step2(func(ctx context.Context) error {
				s.nodes[bob].stop()
				<-ctx.Done()
				return ctx.Err()
			})
		},
		says: saying(
			in("operator 1 (bob) was stopped before the ceremony was complete", alice, carol),
			in("this node was stopped before the ceremony was complete", bob),
		),
	},
	{
		name: "bob's step hangs",
		arrange: func(s *scene) {
			s.step2(func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			})
		},
		says: in("bob (connected, at step 2", alice, carol),
	},
	{name: "carol's process is killed", play: killed, says: in("operator 2 (carol) has been gone for ", alice)},
	{name: "carol's process stands still", play: frozen, says: in("operator 2 (carol) has been gone for ", alice)},
	{
		name: "carol's process is killed and started again", play: restarted,
		says: saying(in("operator 2 (carol) restarted: its step went from 1 to 0", alice)),
	},
}
