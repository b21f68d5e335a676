package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	stdlog "log"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/sirupsen/logrus"
	"github.com/spf13/cobra"

	"github.com/dkgsync/dkgsync/clusterfile"
	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
)

const maxPageConnections = 256 // at the same time; each has 10 s for its request, and 10 s for the answer

func newRelayCommand() *cobra.Command {
	var key, page string
	var c hosts.RelayConfig
	var logs logFlags
	cmd := &cobra.Command{
		Use:   "relay",
		Short: "Run a relay, through which nodes without an open port are reached",
		Long: `Run a relay, through which nodes without an open port are reached: a circuit relay
v2 of libp2p, with room for ceremonies. It has to run where all nodes can reach it.

The relay prints its addresses. With --http it also serves them as a JSON list, as
Charon's relays do. Nodes take one of the addresses, or the URL of that page, as their
--relay. Give the same one to all nodes. If nodes reach the relay at a different
address from the one it listens on, because it is behind a NAT or has a name, give that
address with --announce.

The relay makes its key if the file does not exist. Keep the file: the peer ID in the
relay's addresses comes from the key, so a new key would change the addresses.

The relay has room for ceremonies in which up to 64 members need it, and for 1024
nodes in all, at most 128 of them at one address. A circuit ends after 12 hours or
64 MiB, and the nodes make another one. The relay reserves at most half of the
machine's memory, and never more than 4 GiB.

Exit codes: 1 it failed; 2 the command line, a file or an address cannot be used;
130 interrupted (Ctrl-C), 143 terminated.`,
		Example: `  fxapp relay --http 0.0.0.0:3640
  fxapp relay --key /etc/dkg/relay.key --listen /ip4/0.0.0.0/tcp/9000 \
    --announce /dns4/relay.example/tcp/9000`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := logs.logger(cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := c.Validate(); err != nil {
				return err
			}
			var made bool
			if c.Key, made, err = relayKey(key); err != nil {
				return err
			}
			if made {
				log.Warnf("%s: there was no key, so this relay has a new one, and a new peer ID; keep the file", key)
			}
			return runRelay(cmd.Context(), c, page, log, cmd.OutOrStdout())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&key, "key", "relay.key", "the `file` with the relay's key; it is created if it does not exist")
	flags.StringSliceVar(&c.Listen, "listen", []string{"/ip4/0.0.0.0/tcp/9000", "/ip4/0.0.0.0/udp/9000/quic-v1"},
		"`address` to listen on; may be repeated")
	flags.StringSliceVar(&c.Announce, "announce", nil,
		"`address` at which others reach the relay, if it differs: /dns4/relay.example/tcp/9000; may be repeated")
	flags.StringVar(&page, "http", "", "serve the addresses as a JSON list at this `address`, such as 0.0.0.0:3640")
	logs.register(flags)
	return cmd
}

// relayKey reads the key, or makes one if the file does not exist. A relay can start without preparation,
// because nobody has to know its key beforehand.
func relayKey(path string) (key crypto.PrivKey, made bool, err error) {
	key, err = clusterfile.ReadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		made = true
		key, err = clusterfile.CreateKey(path)
	}
	return key, made, flagError("key", err)
}

// runRelay runs a relay until ctx ends.
func runRelay(ctx context.Context, c hosts.RelayConfig, page string, log *logrus.Logger, stdout io.Writer) error {
	listener, err := listenHTTP(ctx, page)
	if err != nil {
		return err
	}
	if listener != nil {
		defer func() { _ = listener.Close() }()
	}
	relay, err := hosts.NewRelay(c)
	if err != nil {
		return err
	}
	defer func() { _ = relay.Close() }()
	for _, addr := range relay.Addrs() {
		_, _ = fmt.Fprintln(stdout, addr)
	}
	if listener == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	log.Infof("http://%s/ answers with the addresses", listener.Addr())
	server := &http.Server{
		Handler: relay, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		ErrorLog:  stdlog.New(io.Discard, "", 0), // strangers would fill the log
		ConnState: bounded(),
	}
	server.SetKeepAlivesEnabled(false) // or strangers could keep their connections by asking again
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(listener); ctx.Err() == nil {
		return &failure{fmt.Errorf("serving the addresses: %w", err)}
	}
	return context.Cause(ctx)
}

// bounded closes connections above a limit, so that strangers cannot use up the file descriptors that the relay
// needs for its nodes.
func bounded() func(net.Conn, http.ConnState) {
	var open atomic.Int64
	return func(c net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			if open.Add(1) > maxPageConnections {
				_ = c.Close()
			}
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		case http.StateActive, http.StateIdle:
		}
	}
}

// listenHTTP listens for requests for the page. It returns nil if the operator wants no page.
func listenHTTP(ctx context.Context, at string) (net.Listener, error) {
	if at == "" {
		return nil, nil
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if o, ok := errors.AsType[*net.OpError](err); ok {
		return nil, fmt.Errorf("--http %s: %w: give an address of this machine with a free port, such as 0.0.0.0:3640",
			at, o.Err)
	}
	return listener, err
}
