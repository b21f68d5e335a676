package clusterfile

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	maxName = 64   // characters
	maxAddr = 1024 // bytes of the binary form
)

// checkMembers returns an error if the members of a definition cannot be right. Its
// errors name the member and the field in the given wording.
func checkMembers(members []syncmod.Peer, say wording) error {
	if err := checkCount(len(members)); err != nil {
		return err
	}
	ids, addrs := make(map[peer.ID]int), make(map[string]int)
	for i, m := range members {
		if err := m.ID.Validate(); err != nil {
			return fmt.Errorf("%s: it is missing", say.field(i, m, "id"))
		}
		if err := checkName(m.Name); err != nil {
			return fmt.Errorf("%s: %w", say.field(i, m, "name"), err)
		}
		if first, ok := ids[m.ID]; ok {
			return fmt.Errorf("%s: %s has it too: every member needs its own key",
				say.field(i, m, "id"), say.member(first, members[first]))
		}
		ids[m.ID] = i
		for j, addr := range m.Addrs {
			field := say.field(i, m, fmt.Sprintf("addrs[%d]", j))
			if err := checkAddr(addr, m.ID); err != nil {
				return fmt.Errorf("%s: %w", field, err)
			}
			if isRelayed(addr) {
				continue // its transport part is the relay's, which many members may share
			}
			transport, _ := peer.SplitAddr(addr)
			if first, ok := addrs[transport.String()]; ok && first != i {
				return fmt.Errorf("%s: %s is also an address of %s: every member needs its own address",
					field, addr, say.member(first, members[first]))
			}
			addrs[transport.String()] = i
		}
	}
	return nil
}

func checkCount(n int) error {
	if n >= minMembers && n <= maxMembers {
		return nil
	}
	noun := "members"
	if n == 1 {
		noun = "member"
	}
	return fmt.Errorf("peers: %d %s, but a ceremony has %d to %d", n, noun, minMembers, maxMembers)
}

// wording determines how errors name a member and a field of a member.
type wording struct {
	member func(i int, m syncmod.Peer) string
	field  func(i int, m syncmod.Peer, field string) string
}

// inFile names members by their places in a file. named refers to members by their
// names.
var (
	inFile = wording{
		member: func(i int, _ syncmod.Peer) string { return fmt.Sprintf("peers[%d]", i) },
		field:  func(i int, _ syncmod.Peer, field string) string { return fmt.Sprintf("peers[%d].%s", i, field) },
	}
	named = wording{
		member: memberName,
		field:  func(i int, m syncmod.Peer, field string) string { return memberName(i, m) + ": " + field },
	}
)

func memberName(i int, m syncmod.Peer) string {
	if m.Name == "" {
		return fmt.Sprintf("member %d", i)
	}
	return "member " + quote(m.Name)
}

func checkName(name string) error {
	unprintable := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }
	switch {
	case utf8.RuneCountInString(name) > maxName:
		return fmt.Errorf("it is longer than %d characters", maxName)
	case strings.ContainsFunc(name, unprintable):
		return errors.New("it has characters that cannot be printed: write it again")
	}
	return nil
}

// checkAddr returns an error for an address at which the member cannot be reached.
func checkAddr(addr multiaddr.Multiaddr, id peer.ID) error {
	switch transport, owner := peer.SplitAddr(addr); {
	case len(addr.Bytes()) > maxAddr:
		return fmt.Errorf("it is longer than %d bytes", maxAddr)
	case transport == nil:
		return fmt.Errorf("%s names a peer, but no address: write it as /ip4/192.0.2.1/tcp/9001", addr)
	case owner != "" && owner != id:
		return fmt.Errorf("%s is an address of peer %s, and this member is %s", addr, owner, cut(id.String()))
	case manet.IsIPUnspecified(addr):
		return fmt.Errorf("%s stands for every address of a machine: "+
			"write the address at which the others reach the member", addr)
	}
	for _, code := range []int{multiaddr.P_TCP, multiaddr.P_UDP} {
		if port, err := addr.ValueForProtocol(code); err == nil && port == "0" {
			return fmt.Errorf("%s has port 0: write the port that the member listens on", addr)
		}
	}
	return nil
}

func isRelayed(addr multiaddr.Multiaddr) bool {
	_, err := addr.ValueForProtocol(multiaddr.P_CIRCUIT)
	return err == nil
}
