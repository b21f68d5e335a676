package netns

import (
	"testing"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/stretchr/testify/require"
)

// Ports says which port of its own address a router uses for a connection from
// inside.
type Ports int

// With SamePort the router uses the port of the machine inside, if that port is free. Then holes can be
// punched. With RandomPort each connection gets a port that nobody can guess.
const (
	SamePort Ports = iota
	RandomPort
)

// Masquerade gives everything that leaves through a device the router's address there as its source, as a home router
// does. Nothing comes in unless a connection from inside asked for it.
func (n *Namespace) Masquerade(t testing.TB, device string, ports Ports) {
	t.Helper()
	rules := n.rules(t)
	table := rules.AddTable(&nftables.Table{Family: nftables.TableFamilyIPv4, Name: "nat"})
	leaving := rules.AddChain(&nftables.Chain{
		Name: "leaving", Table: table, Type: nftables.ChainTypeNAT,
		Hooknum: nftables.ChainHookPostrouting, Priority: nftables.ChainPriorityNATSource,
	})
	random := ports == RandomPort
	rules.AddRule(&nftables.Rule{Table: table, Chain: leaving, Exprs: append(
		isDevice(expr.MetaKeyOIFNAME, device), &expr.Masq{FullyRandom: random, Random: random},
	)})
	need(t, "address translation by nf_tables", rules.Flush())
	n.Firewall(t, device)
}

// Firewall lets nothing in through a device unless a connection from inside asked for it.
func (n *Namespace) Firewall(t testing.TB, device string) {
	t.Helper()
	rules := n.rules(t)
	table := rules.AddTable(&nftables.Table{Family: nftables.TableFamilyINet, Name: "firewall"})
	for name, hook := range map[string]*nftables.ChainHook{
		"here": nftables.ChainHookInput, "through": nftables.ChainHookForward,
	} {
		chain := rules.AddChain(&nftables.Chain{
			Name: name, Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: hook, Priority: nftables.ChainPriorityFilter,
		})
		rules.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(
			append(isDevice(expr.MetaKeyIIFNAME, device), isUnknown()...), &expr.Verdict{Kind: expr.VerdictDrop},
		)})
	}
	need(t, "packet filters of nf_tables", rules.Flush())
}

func (n *Namespace) rules(t testing.TB) *nftables.Conn {
	t.Helper()
	rules, err := nftables.New(nftables.WithNetNSFd(int(n.handle)))
	require.NoError(t, err, n.name)
	return rules
}

// isDevice matches packets that come or go through a device.
func isDevice(direction expr.MetaKey, device string) []expr.Any {
	const longest = 16
	name := make([]byte, longest)
	copy(name, device)
	return []expr.Any{
		&expr.Meta{Key: direction, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
	}
}

// isUnknown matches packets that belong to no connection made from inside.
func isUnknown() []expr.Any {
	known := expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{
			SourceRegister: 1, DestRegister: 1, Len: 4,
			Mask: binaryutil.NativeEndian.PutUint32(known), Xor: binaryutil.NativeEndian.PutUint32(0),
		},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint32(0)},
	}
}
