package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"

	"github.com/dkgsync/dkgsync/examples/fxapp/display"
	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/syncmod"
)

// atOnce is how many nodes may connect at the same time. One process makes all
// connections of all nodes, at both ends: with more at once, they would time out.
const atOnce = 16

// A node may take this long to stop. Half of the time is for a telemetry collector that
// does not answer. interruptTimeout is for a program that was interrupted, because
// somebody is waiting for it to end.
const (
	stopTimeout      = 5 * time.Second
	interruptTimeout = 900 * time.Millisecond
)

// runCluster runs the nodes until their ceremonies have ended or ctx is done. Each node
// is an application with a host of its own. The error is an [interruption] or a
// [*failure].
func runCluster(ctx context.Context, p plan, t terminal, stdout, stderr io.Writer) error {
	addrs, err := loopbackAddrs(len(p.members), p.transport)
	if err != nil {
		return &failure{err}
	}
	if p.verbose == 0 {
		gologshim.SetDefaultHandler(slog.DiscardHandler) // libp2p's log: what matters in it is in the nodes' logs too
	}
	r := display.New(stdout, p.ceremony())
	running, giveUp := context.WithCancelCause(ctx) // without one of the nodes, the others would wait forever
	defer giveUp(nil)
	stopInterrupted := context.AfterFunc(running, func() { r.Interrupted(context.Cause(running)) })
	if p.cut != nil {
		defer time.AfterFunc(cutTime, func() { giveUp(p.gaveUp()) }).Stop()
	}
	finished := make(chan struct{})
	var nodes, watch sync.WaitGroup
	watch.Go(func() { r.Watch(finished) })
	logs := &lockedWriter{w: stderr}
	stage := &stage{terminal: t, ctx: running, report: r, logs: logs}
	joining := make(chan struct{}, atOnce)
	for i, m := range p.members {
		joining <- struct{}{}
		n := &node{
			index: i, plan: p, report: r, logs: logs, definition: p.definition(i, addrs),
			hosts:  p.hosts(m, addrs[i]),
			joined: sync.OnceFunc(func() { <-joining }), spans: r.Spans(i),
		}
		if i == p.watched() {
			n.watched = stage.watch
		}
		nodes.Go(func() {
			defer n.joined()
			if err := n.run(running); err != nil {
				giveUp(&failure{err})
			}
		})
	}
	nodes.Wait()
	stage.hide(stdout, stderr)
	stopInterrupted()
	close(finished)
	watch.Wait()
	err = r.Finish(context.Cause(running))
	if _, ok := errors.AsType[interruption](err); err == nil || ok {
		return err
	}
	return &failure{err}
}

// definition returns the definition that a node is given. In a large cluster it has the
// addresses of only those nodes that start before this one, so that each pair connects
// once.
func (p plan) definition(node int, addrs []multiaddr.Multiaddr) syncmod.Definition {
	d := syncmod.Definition{Hash: p.hash}
	for i, m := range p.members {
		member := syncmod.Peer{ID: m.id, Name: m.name}
		if len(p.members) <= atOnce || i < node {
			member.Addrs = addrs[i : i+1]
		}
		d.Peers = append(d.Peers, member)
	}
	return d
}

// hosts returns the configuration of a node's host.
func (p plan) hosts(m member, addr multiaddr.Multiaddr) hosts.Config {
	c := hosts.Config{Key: m.key, Listen: []string{addr.String()}}
	for _, member := range p.members {
		c.Members = append(c.Members, member.id)
	}
	return c
}

// sleep returns false if ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// loopbackAddrs returns an address with a free port for each node. All ports must be
// known before the first node starts. It avoids the ports that the system uses for
// outgoing connections: one of those could be taken before its node listens.
func loopbackAddrs(n int, transport string) ([]multiaddr.Multiaddr, error) {
	const lowest, highest, attempts = 10000, 30000, 1000
	var taken []io.Closer // kept open until all are found, so that all differ
	defer func() {
		for _, c := range taken {
			_ = c.Close()
		}
	}()
	var addrs []multiaddr.Multiaddr
	var failed error
	for range attempts {
		if len(addrs) == n {
			return addrs, nil
		}
		port := lowest + rand.N(highest-lowest)
		socket, addr, err := take(port, transport)
		if err != nil {
			failed = err
			continue
		}
		taken = append(taken, socket)
		addrs = append(addrs, addr)
	}
	return nil, fmt.Errorf("no %d free ports on the loopback interface: %w", n, failed)
}

// take opens a port of the loopback interface. The caller closes it.
func take(port int, transport string) (io.Closer, multiaddr.Multiaddr, error) {
	at, format := fmt.Sprintf("127.0.0.1:%d", port), "/ip4/127.0.0.1/tcp/%d"
	var socket io.Closer
	var err error
	if transport == quic {
		format = "/ip4/127.0.0.1/udp/%d/quic-v1"
		socket, err = net.ListenPacket("udp4", at)
	} else {
		socket, err = net.Listen("tcp4", at)
	}
	if err != nil {
		return nil, nil, err
	}
	return socket, multiaddr.StringCast(fmt.Sprintf(format, port)), nil
}

// newLogger makes the log of one node. Each entry has the node's index.
func newLogger(out io.Writer, node int, level logrus.Level) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(out)
	log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true, TimestampFormat: "2006-01-02T15:04:05.000Z07:00"})
	log.SetLevel(level)
	log.AddHook(nodeField(node))
	return log
}

// logLevel returns the log level of every node. In a large cluster, each node would log
// what the report says already, so the nodes log nothing unless asked.
func (p plan) logLevel() logrus.Level {
	switch {
	case p.verbose > 1:
		return logrus.DebugLevel
	case p.verbose == 1:
		return logrus.InfoLevel
	case len(p.members) > atOnce:
		return logrus.FatalLevel
	}
	return logrus.WarnLevel
}

// nodeField adds the node's operator index to log entries.
type nodeField int

func (nodeField) Levels() []logrus.Level { return logrus.AllLevels }

func (f nodeField) Fire(entry *logrus.Entry) error {
	entry.Data["node"] = int(f)
	return nil
}

// lockedWriter lets several loggers share a writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) writeTo(w io.Writer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.w = w
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
