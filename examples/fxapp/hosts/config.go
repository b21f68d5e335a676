package hosts

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// Config describes the host of a node.
type Config struct {
	Key crypto.PrivKey

	// Listen has the addresses to listen on, over TCP or QUIC: /ip4/0.0.0.0/tcp/9000, /ip6/::/udp/9000/quic-v1.
	// Without any, others can reach the node only through relays. The node itself can still dial them directly.
	Listen []string

	// Relays has the relays through which others can reach the node. Each is an address that ends in /p2p/ID, or
	// a URL that answers with a JSON list of such addresses.
	Relays []string

	// Members has the peer IDs of the ceremony's members, at least two, this node's included. The host makes room
	// for them, and looks for each of them at the relays.
	Members []peer.ID
}

// Validate checks the addresses. Its error names the first address that is wrong and says what to write instead. It
// does no I/O.
func (c Config) Validate() error {
	if c.Key == nil {
		return errors.New("a host needs a key")
	}
	if _, err := parseListen(c.Listen); err != nil {
		return err
	}
	_, err := parseRelays(c.Relays)
	return err
}

const (
	listenExample = "write it as /ip4/0.0.0.0/tcp/9000, or /ip4/0.0.0.0/udp/9000/quic-v1 for QUIC"
	relayExample  = "write it as /ip4/192.0.2.1/tcp/9000/p2p/ID, or as the relay's URL, https://relay.example"
)

func parseListen(texts []string) ([]multiaddr.Multiaddr, error) {
	addrs := make([]multiaddr.Multiaddr, 0, len(texts))
	for _, text := range texts {
		addr, err := multiaddr.NewMultiaddr(text)
		if err != nil {
			return nil, fmt.Errorf("listen address %q: it is not an address: %s", text, listenExample)
		}
		if err := checkListen(addr); err != nil {
			return nil, fmt.Errorf("listen address %s: %w", text, err)
		}
		addrs = append(addrs, addr)
	}
	return addrs, nil
}

func checkListen(addr multiaddr.Multiaddr) error {
	var kinds []string
	for _, part := range addr {
		kinds = append(kinds, part.Protocol().Name)
	}
	switch strings.TrimPrefix(strings.Join(kinds, "/"), "ip6zone/") {
	case "ip4/tcp", "ip6/tcp", "ip4/udp/quic-v1", "ip6/udp/quic-v1":
		return nil
	}
	switch last := kinds[len(kinds)-1]; {
	case strings.HasPrefix(kinds[0], "dns"):
		return errors.New("it is a name: listen on an IP address of this machine, " +
			"or on /ip4/0.0.0.0 for all of its addresses")
	case last == "p2p" || last == "p2p-circuit":
		return errors.New("it is the address of a peer: leave out /p2p/… and what follows; " +
			"a node cannot listen at a relay")
	}
	return errors.New("it is neither TCP nor QUIC at an IP address: " + listenExample)
}

// relayAt is a relay as the operator names it: by its addresses, or by a URL that returns them.
type relayAt struct {
	name   string // for logs
	relays []peer.AddrInfo
	url    *url.URL
	places []multiaddr.Multiaddr // where the host looks for members because of this relay
}

// parseRelays reads the relays. Several addresses of one relay become one entry.
func parseRelays(texts []string) ([]relayAt, error) {
	var all []relayAt
	byID := make(map[peer.ID]int)
	for _, text := range texts {
		if at, err := parseURL(text); err != nil {
			return nil, err
		} else if at != nil {
			all = append(all, *at)
			continue
		}
		relay, err := parseRelay(text)
		if err != nil {
			return nil, fmt.Errorf("relay %q: %w", text, err)
		}
		i, known := byID[relay.ID]
		if !known {
			byID[relay.ID] = len(all)
			all = append(all, relayAt{name: text, relays: []peer.AddrInfo{relay}})
			continue
		}
		all[i].relays[0].Addrs = append(all[i].relays[0].Addrs, relay.Addrs...)
	}
	return all, nil
}

// parseURL returns nil if the text is not a URL.
func parseURL(text string) (*relayAt, error) {
	if !strings.Contains(text, "://") {
		return nil, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("relay %s: it is not the URL of a relay: write https:// or http:// and the relay's name",
			redacted(text))
	}
	return &relayAt{name: u.Redacted(), url: u}, nil
}

// redacted quotes a text that was meant to be a URL, without what may be a password.
func redacted(text string) string {
	scheme, rest, _ := strings.Cut(text, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = "…" + rest[at:]
	}
	return fmt.Sprintf("%q", scheme+"://"+rest)
}

// parseRelay reads the address of a relay, from the operator or from the answer of a URL.
func parseRelay(text string) (peer.AddrInfo, error) {
	addr, err := multiaddr.NewMultiaddr(text)
	if err != nil {
		return peer.AddrInfo{}, errors.New("it is not an address: " + relayExample)
	}
	for _, part := range addr {
		if part.Protocol().Code == multiaddr.P_CIRCUIT {
			return peer.AddrInfo{}, errors.New("leave out /p2p-circuit: it must end in the relay's /p2p/ID")
		}
	}
	where, id := peer.SplitAddr(addr)
	switch {
	case id == "":
		return peer.AddrInfo{}, errors.New("it does not say which relay is there: it must end in the relay's /p2p/ID")
	case len(where) == 0:
		return peer.AddrInfo{}, errors.New("it does not say where the relay is: " + relayExample)
	}
	return peer.AddrInfo{ID: id, Addrs: []multiaddr.Multiaddr{where}}, nil
}
