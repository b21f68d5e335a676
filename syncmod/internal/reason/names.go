package reason

import (
	"context"
	"errors"
	"net"

	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
)

// unresolved returns the addresses of a failed dial whose names do not resolve. The
// host does not mention them in its error, because it did not try them.
func unresolved(ctx context.Context, dial *Dial) (causes []cause) {
	for _, a := range dial.Tried {
		name, network := dnsName(a)
		if name == "" {
			continue
		}
		if err := lookUp(ctx, network, name); err != nil && ctx.Err() == nil {
			causes = append(causes, cause{a, err})
		}
	}
	return causes
}

// dnsName returns the name that an address begins with, and the network in which to
// look it up.
func dnsName(a multiaddr.Multiaddr) (name, network string) {
	if len(a) == 0 {
		return "", ""
	}
	first := a[0]
	switch first.Protocol().Code {
	case multiaddr.P_DNS:
		network = "ip"
	case multiaddr.P_DNS4:
		network = "ip4"
	case multiaddr.P_DNS6:
		network = "ip6"
	case multiaddr.P_DNSADDR:
		network = "txt"
	default:
		return "", ""
	}
	return first.Value(), network
}

func lookUp(ctx context.Context, network, name string) (err error) {
	if network == "txt" {
		_, err = net.DefaultResolver.LookupTXT(ctx, "_dnsaddr."+name)
		return err
	}
	_, err = net.DefaultResolver.LookupNetIP(ctx, network, name)
	return err
}

func nameError(_ members, err error) (string, bool) {
	dns, ok := errors.AsType[*net.DNSError](err)
	switch {
	case !ok || errors.Is(err, swarm.ErrDialBackoff):
		return "", false
	case dns.IsNotFound:
		return "no such host", true
	case dns.IsTimeout:
		return "the name server does not answer", true
	}
	return shorten(dns.Err, longestCause), true
}
