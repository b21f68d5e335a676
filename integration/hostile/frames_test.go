package hostile_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	violation = "reset: protocol violation"
	refused   = "refused, closed"
	greeted   = "answered, reset" // the request counts for nothing, and long silence ends the stream
	eachReset = "each is reset when the next one opens"
)

// frames has attacks on the code that reads requests.
var frames = []attack{
	{name: "claims a frame of 8 EiB", do: writes(harness.Claim(1<<63 - 1)), gets: violation},
	{name: "claims a frame of 32 MiB", do: writes(harness.Claim(32 << 20)), gets: violation},
	{name: "claims a frame that is one byte too long", do: writes(harness.Claim(16<<10 + 1)), gets: violation},
	{name: "claims a frame of −1 byte", do: writes(harness.Claim(-1)), gets: violation},
	{name: "claims an empty frame", do: writes(harness.Claim(0)), gets: violation},
	{name: "sends garbage", do: writes(garbage(64 << 10)), gets: violation},
	{name: "sends a frame of garbage", do: writes(harness.Framed(garbage(1 << 10))), gets: violation},
	{name: "sends 16 KiB of nested groups", do: writes(harness.Framed(groups(16 << 10))), gets: violation},
	{name: "opens a stream and is silent", do: writes(nil), gets: "reset"},
	{name: "claims 16 KiB and is silent", do: writes(harness.Claim(16 << 10)), gets: "reset"},
	{name: "sends a byte now and then", do: dripsARequest, gets: "reset"},
	{name: "sends a frame in pieces", do: sendsPieces, gets: "answered"},
	{
		name: "opens a thousand streams and is silent",
		do:   opensAThousand,
		gets: "999 × reset: rate limited, 1 × reset",
	},
	{name: "opens a thousand streams, all valid", do: entersAThousandTimes, gets: eachReset},
	{name: "reads no answer to a flood of requests", do: floods, gets: "reset"},
	{name: "goes on flooding after a refusal", do: floodsBehindARefusal, gets: refused, fails: syncmod.ErrBadSignature},
}

// groups returns n nested groups, none of which ends.
func groups(n int) []byte { return bytes.Repeat([]byte{0x0b}, n) }

// garbage returns the same bytes in every run. The first eight claim an absurd length.
func garbage(n int) []byte {
	random := rand.NewChaCha8([32]byte{'h', 'o', 's', 't', 'i', 'l', 'e'})
	b := make([]byte, n)
	_, _ = random.Read(b) // never fails
	return b
}

// writes returns an attack that opens a stream and writes the bytes on
// it.
func writes(b []byte) func(testing.TB, *member) string {
	return func(t testing.TB, m *member) string {
		s := m.open(t, alice)
		s.Send(t, b)
		return s.Fate()
	}
}

// dripPause stands for a second of an attack: the configurations here have a tenth of
// the default timeouts.
const dripPause = 100 * time.Millisecond

// drip writes bytes one by one until they are refused.
func drip(s harness.RawStream, b []byte) {
	pause := time.NewTicker(dripPause)
	defer pause.Stop()
	for i := range b {
		if _, err := s.Write(b[i : i+1]); err != nil {
			return
		}
		<-pause.C
	}
}

func dripsARequest(t testing.TB, m *member) string {
	s := m.open(t, alice)
	drip(s, harness.Frame(m.request(t)))
	return s.Fate()
}

func sendsPieces(t testing.TB, m *member) string {
	s := m.open(t, alice)
	for _, b := range harness.Frame(m.request(t)) {
		s.Send(t, []byte{b})
	}
	require.Empty(t, s.Hear(t).GetError())
	return "answered"
}

func opensAThousand(t testing.TB, m *member) string {
	streams := make([]harness.RawStream, 1000)
	for i := range streams {
		streams[i] = m.open(t, alice)
		_, _ = streams[i].Write(harness.Claim(16 << 10)[:4]) // some streams are reset earlier
	}
	fates := make(map[string]int)
	for _, s := range streams {
		fates[s.Fate()]++
	}
	return count(fates)
}

// count lists how often each outcome happened, the most frequent first.
func count(of map[string]int) string {
	var parts []string
	for _, what := range slices.SortedFunc(maps.Keys(of), func(a, b string) int { return of[b] - of[a] }) {
		parts = append(parts, fmt.Sprintf("%d × %s", of[what], what))
	}
	return strings.Join(parts, ", ")
}

func entersAThousandTimes(t testing.TB, m *member) string {
	request := harness.Frame(m.request(t))
	streams := make([]harness.RawStream, 1000)
	for i := range streams {
		streams[i] = m.open(t, alice)
		_, _ = streams[i].Write(request) // some streams are reset earlier
	}
	for _, s := range streams {
		// A stream is late if its first request is read after that of a newer stream. Being
		// late is a protocol violation.
		require.Regexp(t, "^(answered, )?reset(: rate limited|: protocol violation)?$", s.Fate())
	}
	return eachReset
}

// pour writes the same bytes until they are refused.
func pour(s harness.RawStream, b []byte) {
	_ = s.SetWriteDeadline(time.Now().Add(harness.Patience))
	for err := error(nil); err == nil; {
		_, err = s.Write(b)
	}
}

func floods(t testing.TB, m *member) string {
	s := m.open(t, alice)
	pour(s, bytes.Repeat(harness.Frame(m.request(t)), 256))
	return s.Fate()
}

func floodsBehindARefusal(t testing.TB, m *member) string {
	s := m.open(t, alice)
	s.Say(t, m.request(t, signature(nil)))
	pour(s, bytes.Repeat(harness.Frame(m.request(t)), 256))
	return s.Fate()
}
