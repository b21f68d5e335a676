package refpeer_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/refpeer"
	"github.com/dkgsync/dkgsync/internal/harness"
)

func TestAllVariantsCompleteTogether(t *testing.T) {
	_, peers := newPeers(t, refpeer.CharonLike, refpeer.PlutoLike, refpeer.OlderCharonLike)
	for _, p := range peers {
		p.Serve()
	}
	done := make(chan error)
	for _, p := range peers {
		p.Dial()
		go func() { done <- p.Run(harness.Within(t), 3) }()
	}
	for range peers {
		require.NoError(t, <-done)
	}
}

func TestAFrameTakesASingleRead(t *testing.T) {
	frame := harness.Framed([]byte("payload"))

	payload, _, err := refpeer.ReadFrame(bytes.NewReader(frame), 100)
	require.NoError(t, err)
	require.Equal(t, "payload", string(payload))

	_, _, err = refpeer.ReadFrame(iotest.HalfReader(bytes.NewReader(frame)), 100)
	require.ErrorContains(t, err, "in pieces")
	_, _, err = refpeer.ReadFrame(bytes.NewReader(frame), 6)
	require.ErrorContains(t, err, "impossible length")
}

func TestVersionsAreCompatible(t *testing.T) {
	for _, pair := range [][2]string{
		{"v1.11", "v1.11"},
		{"v1.11", "v1.11.3"},
		{"v1.11.2", "v1.11.3-rc1"},
		{"v1.11", "v1.11-dev"},
	} {
		require.True(t, refpeer.Compatible(pair[0], pair[1]), pair)
	}
	for _, pair := range [][2]string{
		{"v1.11", "v1.10"},
		{"v1.11.2", "v1.11.3"},
		{"v1.11", ""},
		{"v1.11", "1.11"},
		{"v1.11", "v2.11"},
	} {
		require.False(t, refpeer.Compatible(pair[0], pair[1]), pair)
	}
}

func TestTheClientWaitsForAnAnswer(t *testing.T) {
	p, _, streams := hearing(t)
	p.Dial()
	stream := <-streams
	first := readFrame(t, stream)

	p.SetStep(1)
	requireSilent(t, stream, 300*time.Millisecond) // three ticks
	stream.Send(t, answerTo(t, first))

	require.Equal(t, int64(1), refpeer.Step(t, readFrame(t, stream)[8:]))
}

func TestAResetStreamIsReopenedAtOnce(t *testing.T) {
	p, _, streams := hearing(t)
	p.Dial()
	stream := <-streams
	readFrame(t, stream)

	_ = stream.Reset()
	stream = <-streams
	readFrame(t, stream)
	closed := time.Now()
	require.NoError(t, stream.Close())
	<-streams

	require.GreaterOrEqual(t, time.Since(closed), 100*time.Millisecond)
}

func TestReopenKeepsTheOldStreamOpen(t *testing.T) {
	p, h, streams := hearing(t)
	p.Dial()
	old := <-streams
	first := readFrame(t, old)

	p.Reopen(h.ID())
	old.Send(t, answerTo(t, first))
	readFrame(t, <-streams)

	requireSilent(t, old, 200*time.Millisecond) // long enough to notice an end
}

func TestAnErrorInAResponseIsFinal(t *testing.T) {
	p, _, streams := hearing(t)
	p.Dial()
	stream := <-streams

	stream.Send(t, harness.Framed(refpeer.Refuse(t, readFrame(t, stream)[8:], "not you")))

	stream.RequireClosed(t)
	harness.Eventually(t, func() bool { return p.Err() != nil }, "a rejection fails the peer")
	require.ErrorIs(t, p.Err(), refpeer.ErrRejected)
	require.ErrorContains(t, p.Err(), "not you")
	require.ErrorIs(t, p.AwaitConnected(harness.Within(t)), refpeer.ErrRejected)
}

func TestAGoodbyeIsRepeatedAfterAReset(t *testing.T) {
	p, h, streams := hearing(t)
	p.Dial()
	stream := <-streams
	gone := make(chan error, 1)
	ctx, cancel := context.WithCancel(harness.Within(t))
	go func() { gone <- p.Shutdown(ctx) }()
	readFrame(t, stream)
	_ = stream.Reset()
	stream = <-streams
	readFrame(t, stream)

	require.NoError(t, h.Close())

	harness.Eventually(t, func() bool { return p.Left(h.ID()) }, "the client ends")
	require.NoError(t, p.Err())
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled) // the peer had to wait for the other member's goodbye
}

func TestOnlyPlutoGivesUpNegotiating(t *testing.T) {
	for _, v := range []refpeer.Variant{refpeer.CharonLike, refpeer.PlutoLike} {
		t.Run(v.String(), func(t *testing.T) {
			_, peers := newPeers(t, v, refpeer.CharonLike)
			peers[0].Start()
			if v == refpeer.PlutoLike {
				require.ErrorIs(t, peers[0].AwaitConnected(harness.Within(t)), refpeer.ErrNegotiation)
				return
			}
			<-time.After(300 * time.Millisecond) // long enough for several attempts
			peers[1].Start()
			require.NoError(t, peers[0].AwaitConnected(harness.Within(t)))
		})
	}
}

func TestOnlyPlutoDropsASecondStream(t *testing.T) {
	for _, v := range []refpeer.Variant{refpeer.CharonLike, refpeer.PlutoLike} {
		t.Run(v.String(), func(t *testing.T) {
			hosts, peers := newPeers(t, v, refpeer.CharonLike)
			peers[0].Serve()
			say := harness.Framed(peers[1].Request("v1.11", 0))
			first := openStream(t, hosts[1], hosts[0])
			first.Send(t, say)
			readFrame(t, first)

			second := openStream(t, hosts[1], hosts[0])
			_, _ = second.Write(say)

			_, err := io.ReadFull(second, make([]byte, 8))
			require.Equal(t, v == refpeer.PlutoLike, err != nil, err)
			first.Send(t, say)
			readFrame(t, first)
		})
	}
}

func TestOldServersApplyRejectedSteps(t *testing.T) {
	for v, applied := range map[refpeer.Variant]int64{
		refpeer.CharonLike:      -1,
		refpeer.OlderCharonLike: 1,
		refpeer.PlutoLike:       1,
	} {
		t.Run(v.String(), func(t *testing.T) {
			hosts, peers := newPeers(t, v, refpeer.CharonLike)
			peers[0].Serve()
			stream := openStream(t, hosts[1], hosts[0])

			stream.Send(t, harness.Framed(peers[1].Request("v1.10", 1)))
			_, text := refpeer.DecodeResponse(t, readFrame(t, stream)[8:])

			require.NotEmpty(t, text)
			require.ErrorIs(t, peers[0].Err(), refpeer.ErrVersion)
			require.Equal(t, applied, peers[0].Step(hosts[1].ID()))
		})
	}
}

func TestOldServersDoNotAnswerBadSteps(t *testing.T) {
	for v, answered := range map[refpeer.Variant]bool{
		refpeer.CharonLike:      true,
		refpeer.OlderCharonLike: false,
		refpeer.PlutoLike:       false,
	} {
		t.Run(v.String(), func(t *testing.T) {
			hosts, peers := newPeers(t, v, refpeer.CharonLike)
			peers[0].Serve()
			stream := openStream(t, hosts[1], hosts[0])

			stream.Send(t, harness.Framed(peers[1].Request("v1.11", 2)))
			if answered {
				_, text := refpeer.DecodeResponse(t, readFrame(t, stream)[8:])
				require.Contains(t, text, "impossible step")
			}

			stream.RequireClosed(t)
			require.ErrorIs(t, peers[0].Err(), refpeer.ErrStep)
		})
	}
}

func TestAPeerTwoStepsBehindFails(t *testing.T) {
	_, peers := newPeers(t, refpeer.CharonLike, refpeer.CharonLike)
	peers[0].Start()
	peers[1].Start()
	require.NoError(t, peers[0].AwaitConnected(harness.Within(t)))
	peers[0].SetStep(1)
	peers[1].SetStep(1)
	require.NoError(t, peers[0].AwaitStep(harness.Within(t), 1))

	peers[1].SetStep(3)

	harness.Eventually(t, func() bool { return peers[0].AwaitStep(harness.Within(t), 1) != nil }, "it is left behind")
	require.ErrorIs(t, peers[0].Err(), refpeer.ErrLeftBehind)
}
