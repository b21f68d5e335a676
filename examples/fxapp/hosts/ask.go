package hosts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Limits on the answer of a relay's URL.
const (
	maxAnswer    = 64 << 10
	maxAddresses = 64
	maxRelays    = 8
	maxRedirects = 3
)

// asking makes a new connection for each question, because there is only one every few minutes.
var asking = &http.Client{
	Transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxAnswer,
		ForceAttemptHTTP2:      true,
	},
	CheckRedirect: staysThere,
}

// staysThere refuses redirects from https to http. It also refuses redirects to another host, because that may be a
// host that only this node can reach.
func staysThere(next *http.Request, before []*http.Request) error {
	first := before[0].URL
	if len(before) > maxRedirects || next.URL.Hostname() != first.Hostname() ||
		first.Scheme == "https" && next.URL.Scheme != "https" {
		return errors.New("its URL redirects elsewhere: give the URL that it redirects to")
	}
	return nil
}

// ask asks the relays' URL for their addresses, if there is a URL. If it does not answer, the relays of its last
// answer still count: they may work all the same.
func (r *relayAt) ask(ctx context.Context) error {
	if r.url == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	relays, err := ask(ctx, r.url)
	switch {
	case err == nil:
		r.relays = relays
	case len(r.relays) == 0:
		return err
	}
	return nil
}

// ask gets the relays' addresses from a URL. Its errors do not quote the answer.
func ask(ctx context.Context, from *url.URL) ([]peer.AddrInfo, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	answer, err := asking.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("its URL answers with the status %d %s",
			answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("its URL answers with more than %d KiB: is it the URL of a relay?", maxAnswer>>10)
	}
	return parseAnswer(body)
}

// parseAnswer reads a JSON list of relay addresses. It skips addresses that it cannot read. If it can read none, it
// returns an error.
func parseAnswer(body []byte) ([]peer.AddrInfo, error) {
	var texts []string
	if err := json.Unmarshal(body, &texts); err != nil {
		return nil, errors.New("its URL does not answer with a JSON list of addresses: is it the URL of a relay?")
	}
	if len(texts) > maxAddresses {
		return nil, fmt.Errorf("its URL answers with %d addresses, "+
			"but at most %d are allowed", len(texts), maxAddresses)
	}
	var relays []peer.AddrInfo
	at := make(map[peer.ID]int)
	for _, text := range texts {
		relay, err := parseRelay(text)
		if err != nil {
			continue
		}
		i, known := at[relay.ID]
		if !known {
			i = len(relays)
			at[relay.ID] = i
			relays = append(relays, peer.AddrInfo{ID: relay.ID})
		}
		relays[i].Addrs = append(relays[i].Addrs, relay.Addrs...)
	}
	switch {
	case len(relays) == 0:
		return nil, errors.New("its URL answers with a list in which no address ends in a relay's /p2p/ID")
	case len(relays) > maxRelays:
		return nil, fmt.Errorf("its URL answers with %d relays, but at most %d are allowed", len(relays), maxRelays)
	}
	return relays, nil
}
