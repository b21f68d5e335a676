package harness

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
	"github.com/stretchr/testify/require"
)

// Link is a proxy through which one node dials another. All bytes of these connections,
// in both directions, go through the proxy, which fails on command. There is another
// Link for the connections that the other node dials.
type Link struct {
	listener net.Listener
	target   string // host and port

	mu      sync.Mutex
	changed *sync.Cond
	pairs   map[*pair]struct{}
	down    bool          // it accepts no connection
	frozen  bool          // it holds all bytes back
	budget  int           // how many more bytes may pass before it is cut or drops; < 0: any number
	dropped chan struct{} // closed when the budget is used up and the link drops; nil: the link is cut instead
	delay   time.Duration
	closed  bool
	wg      sync.WaitGroup
}

// pair is one connection through the proxy: the half of the node that dials, and the
// proxy's own half to the other node.
type pair struct{ a, b net.Conn }

func (p *pair) close() {
	_ = p.a.Close()
	_ = p.b.Close()
}

// Link returns the link through which one node dials another.
func (c *Cluster) Link(from, to int) *Link {
	c.t.Helper()
	l := c.links[[2]int{from, to}]
	require.NotNil(c.t, l, "only a cluster with Links has links")
	return l
}

// openLinks makes the links between all nodes.
func (c *Cluster) openLinks() {
	for i := range c.Nodes {
		for j, node := range c.Nodes {
			if i != j {
				c.links[[2]int{i, j}] = newLink(c.t, node)
			}
		}
	}
}

func newLink(t testing.TB, to *Node) *Link {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, target, err := manet.DialArgs(multiaddr.StringCast(to.listen))
	require.NoError(t, err)
	l := &Link{listener: listener, target: target, budget: -1, pairs: make(map[*pair]struct{})}
	l.changed = sync.NewCond(&l.mu)
	l.wg.Go(l.accept)
	return l
}

// Between returns the links between two groups of nodes, in both directions.
func (c *Cluster) Between(some, others []int) []*Link {
	var all []*Link
	for _, i := range some {
		for _, j := range others {
			if i != j {
				all = append(all, c.Link(i, j), c.Link(j, i))
			}
		}
	}
	return all
}

// Addr returns the address at which to dial the link.
func (l *Link) Addr() multiaddr.Multiaddr {
	addr, _ := manet.FromNetAddr(l.listener.Addr()) // a listener's address can always be converted
	return addr
}

// Cut ends the connections of the link and refuses new ones.
func (l *Link) Cut() { l.change(func() { l.down = true; l.drop() }) }

// Drop ends the connections of the link. New ones can be made.
func (l *Link) Drop() { l.change(l.drop) }

// Freeze holds every byte back. Connections stay open but go silent.
func (l *Link) Freeze() { l.change(func() { l.frozen = true }) }

// CutAfter cuts the link after the given number of bytes has passed. The number counts
// both directions together. The cut may be in the middle of a message.
func (l *Link) CutAfter(bytes int) { l.change(func() { l.budget, l.dropped = bytes, nil }) }

// DropAfter drops the connections of the link after the given number of bytes has
// passed, counted as for [Link.CutAfter]. It then closes the returned channel, and new
// connections can be made.
func (l *Link) DropAfter(bytes int) (dropped <-chan struct{}) {
	done := make(chan struct{})
	l.change(func() { l.budget, l.dropped = bytes, done })
	return done
}

// Delay makes everything that passes arrive later by d.
func (l *Link) Delay(d time.Duration) { l.change(func() { l.delay = d }) }

// Heal undoes Cut, Freeze, CutAfter and DropAfter. The bytes that were held back then go
// through.
func (l *Link) Heal() {
	l.change(func() { l.down, l.frozen, l.budget, l.dropped = false, false, -1, nil })
}

func (l *Link) change(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f()
	l.changed.Broadcast()
}

func (l *Link) drop() {
	for p := range l.pairs {
		p.close()
		delete(l.pairs, p)
	}
}

func (l *Link) close() {
	_ = l.listener.Close()
	l.change(func() { l.closed = true; l.drop() })
	l.wg.Wait()
}

func (l *Link) accept() {
	for {
		in, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.wg.Go(func() { l.carry(in) })
	}
}

// carry passes bytes between the two halves of a connection.
func (l *Link) carry(in net.Conn) {
	out, err := net.Dial("tcp", l.target)
	if err != nil {
		_ = in.Close()
		return
	}
	p := &pair{in, out}
	l.mu.Lock()
	refused := l.down || l.closed
	if !refused {
		l.pairs[p] = struct{}{}
	}
	l.mu.Unlock()
	if refused {
		p.close()
		return
	}
	l.wg.Go(func() { l.pump(p, in, out) })
	l.pump(p, out, in)
}

// piece is data that was read, and the time at which it may go on.
type piece struct {
	data []byte
	at   time.Time
}

// pump passes on the bytes of one direction until either half ends.
func (l *Link) pump(p *pair, from io.Reader, to io.Writer) {
	pieces := make(chan piece, 1024)
	l.wg.Go(func() {
		defer p.close()
		for piece := range pieces {
			time.Sleep(time.Until(piece.at))
			if n := l.pass(p, len(piece.data)); n > 0 {
				_, _ = to.Write(piece.data[:n])
			}
		}
	})
	defer close(pieces)
	for {
		data := make([]byte, 32<<10)
		n, err := from.Read(data)
		if err != nil {
			return
		}
		l.mu.Lock()
		at := time.Now().Add(l.delay)
		l.mu.Unlock()
		pieces <- piece{data[:n], at}
	}
}

// pass waits while the link is frozen, and returns how many of the bytes may pass. When
// the budget is used up, the connections end soon after.
func (l *Link) pass(p *pair, bytes int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.frozen && !l.closed {
		if _, there := l.pairs[p]; !there {
			return 0
		}
		l.changed.Wait()
	}
	if l.budget < 0 {
		return bytes
	}
	passed := min(bytes, l.budget)
	if l.budget -= passed; l.budget == 0 && !l.down {
		l.down = true
		time.AfterFunc(time.Millisecond, l.spent) // after the last bytes are written
	}
	return passed
}

// spent ends the connections when the budget is used up.
func (l *Link) spent() {
	l.change(func() {
		l.drop()
		if l.dropped != nil && l.budget == 0 {
			close(l.dropped)
			l.down, l.budget, l.dropped = false, -1, nil
		}
	})
}
