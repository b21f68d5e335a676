package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/spf13/pflag"

	"github.com/dkgsync/dkgsync/clusterfile"
	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	defaultDefinition = "ceremony.json"
	enough            = 8 // a sentence lists about this many members
)

// seatFlags are the flags that say in which ceremony a node takes part, as which
// member, and how others reach it.
type seatFlags struct {
	definition, key   string
	version, nickname string
	listen, relays    []string
	attempts          int
	timeout           time.Duration
}

func (f *seatFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.definition, "definition", defaultDefinition,
		"the `file` with the definition: of fxapp define, or a cluster definition of Charon")
	flags.StringVar(&f.key, "key", defaultKey,
		"the `file` with this node's key: of fxapp keygen, or Charon's charon-enr-private-key")
	flags.StringSliceVar(&f.listen, "listen", nil,
		"`address` to listen on, such as /ip4/0.0.0.0/tcp/9001 or /ip4/0.0.0.0/udp/9001/quic-v1; may be repeated")
	flags.StringSliceVar(&f.relays, "relay", nil,
		"relay through which others reach this node: its `address` with /p2p/ID, or its URL; may be repeated")
	flags.StringVar(&f.version, "version", "",
		"the members' version on the wire, `vX.Y`: for example v1.11; needed with a definition of Charon")
	flags.StringVar(&f.nickname, "nickname", "",
		"the `name` that this node gives itself, for people to read (default its name in the definition)")
	flags.IntVar(&f.attempts, "attempts", 1,
		"begin the ceremony at most this `number` of times; -1: no limit; the same at every member")
	flags.DurationVar(&f.timeout, "timeout", 0, "give up after this `time`, for example 30m (default never)")
}

// seat is a node's place in a ceremony. It comes from the flags and files, and is checked.
type seat struct {
	definition syncmod.Definition
	self       int // operator index of this node
	host       hosts.Config
	config     syncmod.Config
	ofCharon   bool // the definition comes from Charon
}

// seat checks the flags and reads the files that they name. Its errors name the flag.
func (f *seatFlags) seat() (seat, error) {
	if err := f.check(); err != nil {
		return seat{}, err
	}
	definition, err := clusterfile.ReadDefinition(f.definition)
	if err != nil {
		return seat{}, flagError("definition", err)
	}
	ofCharon, err := clusterfile.IsCharon(f.definition)
	if err != nil {
		return seat{}, flagError("definition", err)
	}
	if ofCharon && f.version == "" {
		return seat{}, fmt.Errorf("--version is missing: %s is a definition of Charon, "+
			"whose members refuse other versions; give theirs, for example --version v1.11", f.definition)
	}
	key, err := clusterfile.ReadKey(f.key)
	if err != nil {
		return seat{}, flagError("key", err)
	}
	self, err := f.findSelf(definition, key)
	if err != nil {
		return seat{}, err
	}
	s := seat{
		definition: definition, self: self, ofCharon: ofCharon,
		host: hosts.Config{Key: key, Listen: f.listen, Relays: f.relays},
	}
	for _, p := range definition.Peers {
		s.host.Members = append(s.host.Members, p.ID)
	}
	s.config = syncmod.Config{Version: f.version, Nickname: f.nickname, Retry: syncmod.Retry{Attempts: f.attempts}}
	if f.nickname == "" && (syncmod.Config{Nickname: definition.Peers[self].Name}).Validate() == nil {
		s.config.Nickname = definition.Peers[self].Name
	}
	if err := s.host.Validate(); err != nil {
		return seat{}, err
	}
	return s, f.checkReach(s)
}

// check looks for mistakes in the flags alone, before any file is read.
func (f *seatFlags) check() error {
	switch {
	case f.attempts == 0 || f.attempts < -1:
		return fmt.Errorf("--attempts %d: it must be at least 1, or -1 for any number", f.attempts)
	case f.timeout < 0:
		return fmt.Errorf("--timeout %s: it must not be negative", f.timeout)
	}
	if err := checkKeyPath(f.key); err != nil {
		return err
	}
	for flag, config := range map[string]syncmod.Config{
		"version":  {Version: f.version},
		"nickname": {Nickname: f.nickname},
	} {
		if err := config.Validate(); err != nil {
			_, reason, _ := strings.Cut(err.Error(), ": Config.")
			_, reason, _ = strings.Cut(reason, ": ")
			return fmt.Errorf("--%s %s", flag, reason)
		}
	}
	return nil
}

// findSelf returns the operator index of the member with this key.
func (f *seatFlags) findSelf(d syncmod.Definition, key crypto.PrivKey) (int, error) {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return 0, fmt.Errorf("--key %s: %w", f.key, err)
	}
	all := make([]int, len(d.Peers))
	for i, m := range d.Peers {
		if m.ID == id {
			return i, nil
		}
		all[i] = i
	}
	return 0, fmt.Errorf("--key %s: it is the key of %s, who is not a member of %s: its members are %s; "+
		"give the key of one of them, or a definition with this peer ID", f.key, id, f.definition, listMembers(d, all))
}

// checkReach looks for members that this node can never connect to: neither node has an
// address that the other knows, and there is no relay.
func (f *seatFlags) checkReach(s seat) error {
	if len(f.relays) > 0 {
		return nil
	}
	reachable := len(f.listen) > 0 && len(s.definition.Peers[s.self].Addrs) > 0
	var lost []int
	for i, m := range s.definition.Peers {
		if i != s.self && len(m.Addrs) == 0 && !reachable {
			lost = append(lost, i)
		}
	}
	switch {
	case len(lost) == 0:
		return nil
	case len(s.definition.Peers[s.self].Addrs) > 0:
		return errors.New("--listen is missing: " + listMembers(s.definition, lost) + " can connect only by " +
			"dialling this node, because the definition has no addresses for them; listen, or give a --relay")
	}
	return fmt.Errorf("--relay is missing: %s has no addresses for %s, and none for this node, "+
		"so they and this node cannot reach each other; "+
		"give the relay of the ceremony, or a definition with addresses",
		f.definition, listMembers(s.definition, lost))
}

// listensAsDefined reports whether the node listens on a port that the definition has for
// it. It is true if either side names no port.
func listensAsDefined(listen []string, defined []multiaddr.Multiaddr) bool {
	var addrs []multiaddr.Multiaddr
	for _, text := range listen {
		if addr, err := multiaddr.NewMultiaddr(text); err == nil {
			addrs = append(addrs, addr)
		}
	}
	here, there := portsOf(addrs), portsOf(defined)
	return len(here) == 0 || len(there) == 0 || slices.ContainsFunc(here, func(port string) bool {
		return slices.Contains(there, port)
	})
}

// portsOf returns the ports in addresses, with their protocols: "tcp/9000". It skips addresses through a relay.
func portsOf(addrs []multiaddr.Multiaddr) (ports []string) {
	for _, addr := range addrs {
		if _, err := addr.ValueForProtocol(multiaddr.P_CIRCUIT); err == nil {
			continue // the port of a relay
		}
		for _, code := range []int{multiaddr.P_TCP, multiaddr.P_UDP} {
			if port, err := addr.ValueForProtocol(code); err == nil {
				ports = append(ports, multiaddr.ProtocolWithCode(code).Name+"/"+port)
			}
		}
	}
	return ports
}

// listMembers lists members in a sentence. It shortens a long list, but never by only one member.
func listMembers(d syncmod.Definition, indexes []int) string {
	shown := enough
	if len(indexes) == enough+1 {
		shown++ // "and 1 more" is no shorter than the member's name
	}
	names := make([]string, 0, shown)
	for _, i := range indexes[:min(shown, len(indexes))] {
		names = append(names, operatorText(d, i))
	}
	text := strings.Join(names, ", ")
	if more := len(indexes) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// operatorText names a member in a sentence: "operator 2 (carol)".
func operatorText(d syncmod.Definition, i int) string {
	return fmt.Sprintf("operator %d (%s)", i, nameOf(d.Peers[i]))
}

// nameOf returns a member's name, or the end of its peer ID if it has none.
func nameOf(p syncmod.Peer) string {
	const end = 8
	if p.Name != "" {
		return p.Name
	}
	id := p.ID.String()
	return "…" + id[max(0, len(id)-end):]
}
