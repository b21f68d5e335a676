package main

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// ceremony is the content of the file that kubo's configuration names: a definition
// as package clusterfile writes it, and the steps. The program that does the work of
// a step serves the step's URL.
//
//	{
//	  "hash": "0x7be4…",
//	  "peers": [{"name": "alice", "id": "12D3Koo…", "addrs": ["/ip4/192.0.2.1/tcp/4001"]}, …],
//	  "steps": [{"name": "exchange keys", "url": "http://127.0.0.1:7000/exchange-keys"}, …]
//	}
type ceremony struct {
	Hash  string
	Peers []syncmod.Peer
	Steps []struct{ Name, URL string }
}

func readCeremony(file string) (c ceremony, err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("%s: %w", file, err)
	}
	return c, nil
}

func (c ceremony) definition() (syncmod.Definition, error) {
	hash, err := hex.DecodeString(strings.TrimPrefix(c.Hash, "0x"))
	if err != nil {
		return syncmod.Definition{}, fmt.Errorf("the ceremony's hash: %w", err)
	}
	return syncmod.Definition{Hash: hash, Peers: c.Peers}, nil
}

func (c ceremony) steps() []syncmod.Step {
	steps := make([]syncmod.Step, len(c.Steps))
	for i, s := range c.Steps {
		steps[i] = syncmod.Step{Name: s.Name, Run: func(ctx context.Context) error { return post(ctx, s.URL) }}
	}
	return steps
}

// post posts to a step's URL, so that the program behind it does the work. It returns
// when the answer comes, or when ctx ends: then the ceremony has failed or the daemon
// stops.
func post(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}
