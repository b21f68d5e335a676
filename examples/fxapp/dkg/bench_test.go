package dkg

import (
	"fmt"
	"os"
	"testing"

	"github.com/drand/kyber"
	pedersen "github.com/drand/kyber/share/dkg"
	"github.com/drand/kyber/sign/schnorr"
	"github.com/drand/kyber/util/random"
	"github.com/stretchr/testify/require"
)

// BenchmarkCrypto measures what one of n members has to compute.
func BenchmarkCrypto(b *testing.B) {
	for _, n := range []int{4, 10, 32} {
		b.Run(fmt.Sprintf("%d members", n), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				ready := dealers(b, n)
				var bundles []*pedersen.DealBundle
				for _, d := range ready[1:] {
					bundle, err := d.Deals()
					require.NoError(b, err)
					bundles = append(bundles, bundle)
				}
				b.StartTimer()
				_, err := ready[0].Deals()
				require.NoError(b, err)
				_, err = ready[0].ProcessDeals(bundles)
				require.NoError(b, err)
			}
		})
	}
}

// dealers returns n members that know each other's keys.
func dealers(b *testing.B, n int) []*pedersen.DistKeyGenerator {
	secrets, nodes := newKeys(n)
	all := make([]*pedersen.DistKeyGenerator, n)
	for i := range all {
		var err error
		all[i], err = pedersen.NewDistKeyHandler(&pedersen.Config{
			Suite: keys(), Longterm: secrets[i], NewNodes: nodes, Threshold: Threshold(n), FastSync: true,
			Nonce: make([]byte, pedersen.NonceLength), Auth: schnorr.NewScheme(keys()),
		})
		require.NoError(b, err)
	}
	return all
}

func newKeys(n int) (secrets []kyber.Scalar, nodes []pedersen.Node) {
	for i := range n {
		secret := keys().Scalar().Pick(random.New())
		secrets = append(secrets, secret)
		nodes = append(nodes, pedersen.Node{Index: uint32(i), Public: keys().Point().Mul(secret, nil)})
	}
	return secrets, nodes
}

// BenchmarkCeremony measures a whole ceremony of n nodes in one process, until all have
// stored their shares.
func BenchmarkCeremony(b *testing.B) {
	for _, n := range []int{4, 10} {
		b.Run(fmt.Sprintf("%d members", n), func(b *testing.B) {
			c := newCluster(b, n)
			for b.Loop() {
				c.complete()
				b.StopTimer()
				for _, node := range c.nodes {
					require.NoError(b, os.RemoveAll(node.dir))
					require.NoError(b, os.Mkdir(node.dir, 0o700))
				}
				b.StartTimer()
			}
		})
	}
}

// BenchmarkRecover measures how long it takes to make a signature from partial ones.
func BenchmarkRecover(b *testing.B) {
	shares := newFinished(b, 4).shares
	message := []byte("a block")
	var partials [][]byte
	for _, s := range shares[:shares[0].Threshold] {
		partial, err := s.Sign(message)
		require.NoError(b, err)
		partials = append(partials, partial)
	}
	for b.Loop() {
		_, err := shares[0].Recover(message, partials...)
		require.NoError(b, err)
	}
}
