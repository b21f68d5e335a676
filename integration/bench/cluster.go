package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/sirupsen/logrus"

	"github.com/dkgsync/dkgsync/syncmod"
)

// patience is the longest time that anything may take before the measurement is given
// up.
const patience = 2 * time.Minute

// cluster has the members of one ceremony, all in this process.
type cluster struct {
	nodes      []*node
	services   []*syncmod.Service
	ceremonies []*syncmod.Ceremony
}

// newCluster starts n hosts on loopback TCP. Their resource managers account for
// everything and limit nothing.
func newCluster(n int) (*cluster, error) {
	return newClusterWith(n, func() (network.ResourceManager, error) {
		return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(rcmgr.InfiniteLimits), rcmgr.WithMetricsDisabled())
	})
}

// newClusterWith is [newCluster] with the resource managers that newManager returns.
func newClusterWith(n int, newManager func() (network.ResourceManager, error)) (*cluster, error) {
	c := &cluster{nodes: make([]*node, n)}
	err := each(n, func(i int) error {
		key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
		if err != nil {
			return err
		}
		manager, err := newManager()
		if err != nil {
			return err
		}
		h, err := libp2p.New(
			libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
			libp2p.ResourceManager(manager), libp2p.DisableMetrics(), libp2p.DisableRelay(),
		)
		if err != nil {
			return err
		}
		c.nodes[i] = newNode(h)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("starting the hosts: %w", err)
	}
	return c, nil
}

func (c *cluster) size() int { return len(c.nodes) }

// start starts a service on every host, with the default configuration.
func (c *cluster) start() error {
	log := logrus.New()
	log.SetOutput(io.Discard)
	log.SetLevel(logrus.WarnLevel)
	c.services = make([]*syncmod.Service, c.size())
	return each(c.size(), func(i int) error {
		s, err := syncmod.NewService(c.nodes[i], syncmod.DefaultConfig(), syncmod.WithLogger(log))
		if err != nil {
			return err
		}
		c.services[i] = s
		return s.Start(context.Background())
	})
}

// define returns a definition with all members.
func (c *cluster) define(about string) syncmod.Definition {
	hash := sha256.Sum256([]byte(about))
	def := syncmod.Definition{Hash: hash[:]}
	for i, h := range c.nodes {
		def.Peers = append(def.Peers, syncmod.Peer{ID: h.ID(), Name: fmt.Sprintf("node%d", i), Addrs: h.Addrs()})
	}
	return def
}

// open opens a ceremony with all members, and waits until all are connected.
func (c *cluster) open(about string) error {
	def := c.define(about)
	c.ceremonies = make([]*syncmod.Ceremony, c.size())
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return each(c.size(), func(i int) error {
		ceremony, err := c.services[i].Open(def)
		if err != nil {
			return err
		}
		c.ceremonies[i] = ceremony
		return ceremony.AwaitConnected(ctx)
	})
}

// stop ends the ceremonies and the services. The hosts stay connected.
func (c *cluster) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := each(len(c.services), func(i int) error {
		if c.services[i] == nil {
			return nil
		}
		return c.services[i].Stop(ctx)
	})
	c.services, c.ceremonies = nil, nil
	return err
}

// close stops what is left and closes the hosts. A host may not return from Close while
// many peers are telling it of a change, so close first gives them time to finish.
func (c *cluster) close() error {
	err := c.stop()
	settle()
	closed := make(chan error, 1)
	go func() { closed <- each(c.size(), func(i int) error { return c.nodes[i].Close() }) }()
	select {
	case failed := <-closed:
		return errors.Join(err, failed)
	case <-time.After(patience):
		return errors.Join(err, fmt.Errorf("the hosts have not closed after %s", patience))
	}
}

// advance takes a member through its next barrier.
func (c *cluster) advance(i int) error {
	_, err := c.ceremonies[i].Advance(context.Background())
	return err
}

// heard reports whether a member has heard all others announce the barrier that comes
// next for it.
func (c *cluster) heard(i int) bool {
	status := c.ceremonies[i].Status()
	for _, p := range status.Peers {
		if p.Step <= status.Step {
			return false
		}
	}
	return true
}

// each calls a function for all members at the same time, and joins the errors.
func each(n int, f func(i int) error) error {
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { errs[i] = f(i) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// together makes n members enter at the same moment. It returns the time from the
// moment when the first enters to the moment when the last returns.
func together(n int, enter func(i int) error) (time.Duration, error) {
	errs := make([]error, n)
	var ready, done sync.WaitGroup
	gate := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ready.Done()
			<-gate
			errs[i] = enter(i)
		})
	}
	ready.Wait()
	began := time.Now()
	close(gate)
	done.Wait()
	return time.Since(began), errors.Join(errs...)
}

// straggle makes all members except the last enter, and then the last. It returns the
// time from the entry of the last member until all have returned. The last one enters
// once it has heard all others and nothing is in progress.
func straggle(n, last int, enter func(i int) error, heard func(i int) bool) (time.Duration, error) {
	errs := make([]error, n)
	var done sync.WaitGroup
	started := time.Now()
	for i := range n {
		if i != last {
			done.Go(func() { errs[i] = enter(i) })
		}
	}
	for !heard(last) {
		if time.Since(started) > patience {
			return 0, fmt.Errorf("member %d has not heard everyone after %s", last, patience)
		}
		time.Sleep(time.Millisecond)
	}
	calm()
	began := time.Now()
	errs[last] = enter(last)
	done.Wait()
	return time.Since(began), errors.Join(errs...)
}
