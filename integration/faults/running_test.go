package faults

import (
	"context"
	"fmt"
	"io/fs"
	"sync/atomic"
	"syscall"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
)

// filling is a resource manager that allows no more streams to its peer once full
// is set.
type filling struct {
	network.ResourceManager
	peer peer.ID
	full atomic.Bool
}

func (f *filling) OpenStream(p peer.ID, dir network.Direction) (network.StreamManagementScope, error) {
	if f.full.Load() && p == f.peer && dir == network.DirOutbound {
		return nil, fmt.Errorf("peer:%s: cannot reserve outbound stream: %w", p, network.ErrResourceLimitExceeded)
	}
	return f.ResourceManager.OpenStream(p, dir)
}

// The list running has the faults that happen in step 2.
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
		says:    in("operator 2 (carol) said goodbye at step 2, but step 3 was still to come", alice),
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
	{
		name: "alice's host runs out of room for streams to bob",
		hosts: func(s *scene) {
			manager := &filling{ResourceManager: s.manager(rcmgr.PartialLimitConfig{}), peer: s.nodes[bob].id()}
			s.nodes[alice].options = append(s.nodes[alice].options, libp2p.ResourceManager(manager))
			s.nodes[bob].config.PeerTimeout, s.nodes[carol].config.PeerTimeout = mostPatience, mostPatience
			s.step2(func(ctx context.Context) error {
				manager.full.Store(true)
				if err := s.nodes[bob].host.Network().ClosePeer(s.nodes[alice].id()); err != nil {
					return err
				}
				<-ctx.Done()
				return ctx.Err()
			})
		},
		says: saying(
			in("this node could not reach operator 1 (bob) for ", alice),
			in("this host's resource manager has reached a limit: ", alice),
			in("operator 0 (alice) ended the ceremony", carol),
			in("operator 0 (alice) could not reach operator 1 (bob) for ", bob, carol),
			in("because of a limit or a setting of its own host", bob, carol),
		),
	},
	{name: "carol's process is killed", play: killed, says: in("operator 2 (carol) has been gone for ", alice)},
	{name: "carol's process stands still", play: frozen, says: in("operator 2 (carol) has been gone for ", alice)},
	{
		name: "carol's process is killed and started again", play: restarted,
		says: saying(in("operator 2 (carol) restarted: its step went from 1 to 0", alice)),
	},
}
