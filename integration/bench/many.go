package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	manyHosts = 4 // each host is a member of all ceremonies
	manySteps = 2
	chains    = 4 // how many sequences of ceremonies run at the same time
)

// measureMany measures ceremonies that four connected hosts have at the same time: how
// long they take to connect, to run two steps and to say goodbye, how much memory each
// takes on each host, and how much processor time they use at rest.
func (b *bench) measureMany(ceremonies int) (err error) {
	c, err := newHub(ceremonies)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	before := footprintNow()
	began := time.Now()
	all, err := c.openMany(ceremonies)
	if err != nil {
		return err
	}
	connect := time.Since(began)
	holds := footprintNow().less(before).per(len(all))
	idle := usage(b.window / turnsAtRest)
	began = time.Now()
	for range manySteps {
		err := each(len(all), func(i int) error {
			_, err := all[i].Advance(context.Background())
			return err
		})
		if err != nil {
			return err
		}
	}
	steps := time.Since(began)
	began = time.Now()
	err = each(len(all), func(i int) error { return all[i].Complete(context.Background()) })
	messages := manySteps * len(all) * (manyHosts - 1)
	b.print(newLine("many").with("ceremonies", ceremonies).with("connect", connect).with("steps", steps).
		with("goodbyes", time.Since(began)).with("heap", kib(holds.heap)).with("stacks", kib(holds.stacks)).
		with("together", kib(holds.heap+holds.stacks)).with("goroutines", number(holds.goroutines)).
		with("idle", idle).with("messages_a_second", int(float64(messages)/steps.Seconds())))
	return err
}

// measureChurn measures whether ceremonies that are opened and closed one after the
// other leave anything behind.
func (b *bench) measureChurn(lasts time.Duration) (err error) {
	c, err := newHub(chains)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	var opened atomic.Int64
	churn := func(until time.Time) error {
		return each(chains, func(int) error {
			for time.Now().Before(until) {
				if err := c.live(fmt.Sprint("churn ", opened.Add(1))); err != nil {
					return err
				}
			}
			return nil
		})
	}
	// First let the hosts store what they keep for ever or for a while, so that the
	// measurement does not count it.
	if err := churn(time.Now().Add(lasts / 10)); err != nil {
		return err
	}
	before, earlier := footprintNow(), opened.Load()
	began := time.Now()
	if err := churn(began.Add(lasts)); err != nil {
		return err
	}
	took, ceremonies := time.Since(began), opened.Load()-earlier
	after := footprintNow()
	grown := after.less(before)
	b.print(newLine("churn").with("ceremonies", ceremonies).with("each", took/time.Duration(ceremonies)*chains).
		with("before", kib(before.heap+before.stacks)).with("after", kib(after.heap+after.stacks)).
		with("growth", kib(grown.heap+grown.stacks)).with("goroutines", int(grown.goroutines)))
	return nil
}

// newHub starts the hosts for many ceremonies, with their connections and services.
func newHub(ceremonies int) (*cluster, error) {
	c, err := newClusterWith(manyHosts, func() (network.ResourceManager, error) {
		return syncmod.NewResourceManager(manyHosts, ceremonies)
	})
	if err != nil {
		return nil, err
	}
	for i, from := range c.nodes {
		for _, to := range c.nodes[:i] {
			if err := from.Connect(context.Background(), peer.AddrInfo{ID: to.ID(), Addrs: to.Addrs()}); err != nil {
				return nil, errors.Join(err, c.close())
			}
		}
	}
	err = c.start()
	return c, err
}

// openMany opens ceremonies on every host, and waits until all are connected.
func (c *cluster) openMany(ceremonies int) ([]*syncmod.Ceremony, error) {
	all := make([]*syncmod.Ceremony, ceremonies*c.size())
	defs := make([]syncmod.Definition, ceremonies)
	for i := range defs {
		defs[i] = c.define("many " + strconv.Itoa(i))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := each(len(all), func(i int) (err error) {
		if all[i], err = c.services[i%c.size()].Open(defs[i/c.size()]); err != nil {
			return err
		}
		return all[i].AwaitConnected(ctx)
	})
	return all, err
}

// live runs a whole ceremony of all hosts.
func (c *cluster) live(about string) error {
	def := c.define(about)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	nothing := func(context.Context) error { return nil }
	return each(c.size(), func(i int) error {
		ceremony, err := c.services[i].Open(def)
		if err != nil {
			return err
		}
		err = ceremony.Run(ctx, syncmod.Step{Name: "one", Run: nothing}, syncmod.Step{Name: "other", Run: nothing})
		return errors.Join(err, ceremony.Close(ctx))
	})
}
