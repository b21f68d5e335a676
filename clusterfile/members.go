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
	maxAddr = 1024 // bytes of its binary form
)

// checkMembers finds what cannot be right about the members of a definition. Its
// errors name the field.
func checkMembers(members []syncmod.Peer) error {
	if err := checkCount(len(members)); err != nil {
		return err
	}
	ids, addrs := make(map[peer.ID]int), make(map[string]int)
	for i, m := range members {
		if err := m.ID.Validate(); err != nil {
			return fmt.Errorf("peers[%d].id: it is missing", i)
		}
		if err := checkName(m.Name); err != nil {
			return fmt.Errorf("peers[%d].name: %w", i, err)
		}
		if first, ok := ids[m.ID]; ok {
			return fmt.Errorf("peers[%d].id: it is that of peers[%d] too: "+
				"every member needs a key of its own", i, first)
		}
		ids[m.ID] = i
		for j, addr := range m.Addrs {
			if err := checkAddr(addr, m.ID); err != nil {
				return fmt.Errorf("peers[%d].addrs[%d]: %w", i, j, err)
			}
			if isRelayed(addr) {
				continue // its transport part is the relay's, for all whom it serves
			}
			transport, _ := peer.SplitAddr(addr)
			if first, ok := addrs[transport.String()]; ok && first != i {
				return fmt.Errorf("peers[%d].addrs[%d]: %s is an address of peers[%d] too: "+
					"every member listens somewhere else", i, j, addr, first)
			}
			addrs[transport.String()] = i
		}
	}
	return nil
}

func checkCount(n int) error {
	if n < minMembers || n > maxMembers {
		return fmt.Errorf("peers: %d members, a ceremony has %d to %d", n, minMembers, maxMembers)
	}
	return nil
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

// checkAddr finds addresses at which nobody can be reached.
func checkAddr(addr multiaddr.Multiaddr, id peer.ID) error {
	switch transport, owner := peer.SplitAddr(addr); {
	case len(addr.Bytes()) > maxAddr:
		return fmt.Errorf("it is longer than %d bytes", maxAddr)
	case transport == nil:
		return fmt.Errorf("%s says who, not where: write it as /ip4/192.0.2.1/tcp/9001", addr)
	case owner != "" && owner != id:
		return fmt.Errorf("%s is an address of peer %s, and this member is %s", addr, owner, cut(id.String()))
	case manet.IsIPUnspecified(addr):
		return fmt.Errorf("%s stands for every address of a machine: write the one at which the others reach it", addr)
	}
	for _, code := range []int{multiaddr.P_TCP, multiaddr.P_UDP} {
		if port, err := addr.ValueForProtocol(code); err == nil && port == "0" {
			return fmt.Errorf("%s has port 0, which stands for any: write the one that the member listens on", addr)
		}
	}
	return nil
}

func isRelayed(addr multiaddr.Multiaddr) bool {
	_, err := addr.ValueForProtocol(multiaddr.P_CIRCUIT)
	return err == nil
}
