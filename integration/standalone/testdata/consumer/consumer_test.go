package consumer_test

import (
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/sirupsen/logrus"

	"github.com/dkgsync/dkgsync/syncmod"

	"example.com/consumer"
)

func TestThreeNodesRunACeremony(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	definition := syncmod.Definition{Hash: []byte("what all have agreed on")}
	var hosts []host.Host
	for range 3 {
		h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = h.Close() }()
		hosts = append(hosts, h)
		definition.Peers = append(definition.Peers, syncmod.Peer{ID: h.ID(), Addrs: h.Addrs()})
	}
	log := logrus.New()
	log.SetOutput(io.Discard)
	var done atomic.Int64
	ends := make(chan error)
	for _, h := range hosts {
		go func() {
			ends <- consumer.Run(ctx, h, definition, log,
				func(context.Context) error { done.Add(1); return nil },
				func(context.Context) error {
					if n := done.Load(); n != 3 {
						t.Errorf("step 2 began when %d of 3 had done step 1", n)
					}
					return nil
				},
			)
		}()
	}
	for range hosts {
		if err := <-ends; err != nil {
			t.Error(err)
		}
	}
}
