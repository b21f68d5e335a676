package networks_test

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"
)

// udpPath is a path to a host over UDP that can go silent. Then its packets are lost, and
// neither side learns of it.
type udpPath struct {
	silent  atomic.Bool
	near    *net.UDPConn // the dialled end
	target  *net.UDPAddr
	running sync.WaitGroup

	mu  sync.Mutex
	far map[netip.AddrPort]*net.UDPConn // by the dialling address
}

// newUDPPath makes a path to a host's listen address, and returns the address to dial.
func newUDPPath(t *testing.T, target multiaddr.Multiaddr) (*udpPath, multiaddr.Multiaddr) {
	t.Helper()
	port, err := target.ValueForProtocol(multiaddr.P_UDP)
	require.NoError(t, err)
	p := &udpPath{far: make(map[netip.AddrPort]*net.UDPConn)}
	p.target, err = net.ResolveUDPAddr("udp4", "127.0.0.1:"+port)
	require.NoError(t, err)
	p.near, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	p.running.Go(p.there)
	t.Cleanup(p.close)
	return p, multiaddr.StringCast(fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", p.near.LocalAddr().(*net.UDPAddr).Port))
}

// The loop there carries packets from the peers to the target.
func (p *udpPath) there() {
	packet := make([]byte, 64<<10)
	for {
		n, from, err := p.near.ReadFromUDPAddrPort(packet)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if far := p.farFor(from); err == nil && far != nil && !p.silent.Load() {
			_, _ = far.Write(packet[:n])
		}
	}
}

func (p *udpPath) farFor(from netip.AddrPort) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	far := p.far[from]
	if far == nil {
		var err error
		if far, err = net.DialUDP("udp4", nil, p.target); err != nil {
			return nil
		}
		p.far[from] = far
		p.running.Go(func() { p.back(far, from) })
	}
	return far
}

// The loop back carries packets from the target to the address that dialled the
// path.
func (p *udpPath) back(far *net.UDPConn, to netip.AddrPort) {
	packet := make([]byte, 64<<10)
	for {
		n, err := far.Read(packet)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil && !p.silent.Load() {
			_, _ = p.near.WriteToUDPAddrPort(packet[:n], to)
		}
	}
}

func (p *udpPath) close() {
	_ = p.near.Close()
	p.mu.Lock()
	for _, far := range p.far {
		_ = far.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}
