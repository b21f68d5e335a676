package nat_test

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	"github.com/sirupsen/logrus"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
	"github.com/dkgsync/dkgsync/syncmod"
)

// task is the environment variable that turns the test binary into a process of these tests. Its value is the
// task as JSON.
const task = "DKGSYNC_TEST_TASK"

// role is the task of a process.
type role struct {
	Key     []byte
	Listen  []string
	Relay   bool     // the process is the relay
	Relays  []string // the relays of a member
	Members []member // of the ceremony; empty for the relay
}

type member struct {
	ID    peer.ID
	Addrs []string
}

// play is the main function of the process. It does what it reads, line by line, and prints the outcome. A relay
// ends with its input.
func play(text string) error {
	var r role
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return err
	}
	key, err := crypto.UnmarshalSecp256k1PrivateKey(r.Key)
	if err != nil {
		return err
	}
	if r.Relay {
		relay, err := hosts.NewRelay(hosts.RelayConfig{Key: key, Listen: r.Listen})
		if err != nil {
			return err
		}
		fmt.Println("ready")
		_, _ = io.Copy(io.Discard, os.Stdin)
		return relay.Close()
	}
	ceremony, err := r.join(key)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(answer(ceremony, lines.Text()))
	}
	return nil
}

func (r role) join(key crypto.PrivKey) (*syncmod.Ceremony, error) {
	hash := sha256.Sum256([]byte("nat"))
	definition := syncmod.Definition{Hash: hash[:]}
	config := hosts.Config{Key: key, Listen: r.Listen, Relays: r.Relays}
	for _, m := range r.Members {
		p := syncmod.Peer{ID: m.ID}
		for _, addr := range m.Addrs {
			p.Addrs = append(p.Addrs, multiaddr.StringCast(addr))
		}
		definition.Peers = append(definition.Peers, p)
		config.Members = append(config.Members, m.ID)
	}
	var ceremony *syncmod.Ceremony
	app := fx.New(
		fx.Supply(logrus.New(), config, definition),
		fx.Provide(hosts.New),
		fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
		syncmod.Module,
		fx.Populate(&ceremony),
		fx.Invoke(hosts.Listen),
	)
	return ceremony, app.Start(context.Background())
}

// answer does what a test asks for, and returns "ok" or the reason why it failed.
func answer(c *syncmod.Ceremony, what string) string {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	switch what {
	case "connect":
		err = c.AwaitConnected(ctx)
	case "advance":
		_, err = c.Advance(ctx)
	case "complete":
		err = c.Complete(ctx)
	case "paths": // how each other member is connected: r through the relay, d directly
		var paths strings.Builder
		for _, p := range c.Status().Peers {
			switch {
			case !p.Inbound || !p.Outbound:
				paths.WriteByte('-')
			case p.Relayed:
				paths.WriteByte('r')
			default:
				paths.WriteByte('d')
			}
		}
		return paths.String()
	}
	if err != nil {
		return strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	return "ok"
}

// patience is how long a test waits for something that must happen.
const patience = time.Minute
