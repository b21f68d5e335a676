package browser

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

func TestThePageFollowsAMember(t *testing.T) {
	skipWithoutChromium(t)
	s := newStage(t, 3, harness.Links())
	for _, i := range s.All() {
		s.setWork(i, "deal", hang)
	}
	s.Start()
	s.run(s.All()...)
	b := open(t, serve(t, s.Nodes[alice].Service), desktop)
	b.until("#headline", "This node is working on step 2 of 4 (deal)")

	for _, l := range s.Between([]int{bob}, []int{alice, carol}) {
		l.Cut()
	}
	b.until("#members", "1 bob unreachable", "nobody reaches it")
	b.picture("live-gone")
	for _, l := range s.Between([]int{bob}, []int{alice, carol}) {
		l.Heal()
	}

	b.until("#members", "1 bob connected")
	require.Equal(t, "live", b.text("#live"))
}

func TestThePageShowsAttempts(t *testing.T) {
	skipWithoutChromium(t)
	config := patient()
	config.Retry = syncmod.Retry{Attempts: 2, Pause: 100 * time.Millisecond}
	s := newStage(t, 3, harness.With(config))
	s.Idle()
	var failed atomic.Bool
	for _, n := range s.Nodes {
		s.setWork(n.Index, "verify", hang)
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		t.Cleanup(func() { cancel(); <-done })
		go func() {
			defer close(done)
			_, _ = n.Service.Run(ctx, s.Definition(n.Index, t.Name()), func(c *syncmod.Ceremony) ([]syncmod.Step,
				error,
			) {
				all := s.stepsOf(n.Index, c)
				if n.Index == carol && failed.CompareAndSwap(false, true) {
					all[1].Run = func(context.Context) error { return errors.New("the disk is full") }
				}
				return all, nil
			})
		}()
	}
	b := open(t, serve(t, s.Nodes[alice].Service), desktop)

	b.until("#about", "attempt 2")
	b.until("#headline", "This node is working on step 3 of 4 (verify)")
	b.until("#answers", "Has it failed? No", "Attempt 1 failed", "the disk is full")
	b.picture("live-second-attempt")
	b.requireReadable()
	b.do(chromedp.Click(chromedp.CSS("nav a:last-child")))

	b.until("#headline", "This attempt has failed: carol gave up in step 2 (deal): the disk is full",
		"Another one follows")
	b.until("#answers", "Can I stop this node now? No", "A later attempt of this ceremony has begun")
	b.picture("live-first-attempt")
}

// hostile is text that would run a script, load an image or break the page if the page
// took it for markup. Its last part would turn the direction of the text around.
const hostile = `"><img src=x onerror=complaints.push('ran')><script>complaints.push('ran')</script>` + "\u202e\n"

func TestAMembersWordsAreText(t *testing.T) {
	skipWithoutChromium(t)
	s := newStage(t, 3)
	s.Idle(alice)
	def := s.Definition(alice, t.Name())
	def.Peers[carol].Name = hostile
	raw := s.Raw(bob)
	raw.Answer()
	raw.Connect(t, s.Nodes[alice].Host) // before alice dials: two dials at the same moment may both fail
	s.Nodes[alice].Ceremony = s.Nodes[alice].Open(t, def)
	raw.Open(t, s.Nodes[alice].Host).Say(t, raw.Request(t, def, harness.Nickname(hostile)))

	b := open(t, serve(t, s.Nodes[alice].Service), desktop)

	b.until("#members", `"><img src=x onerror`)
	b.until("#members tbody tr:last-child", `"><img src=x onerror=complaints.push('ran')><script>`)
	require.Zero(t, eval[int](b, "document.querySelectorAll('main img, main script').length"))
	b.picture("live-hostile")
	b.requireReadable()
}

func TestThePageOfAHundredMembers(t *testing.T) {
	skipWithoutChromium(t)
	const members, here = 100, 5
	s := newStage(t, here)
	s.Idle()
	var absent []syncmod.Peer
	for i := here; i < members; i++ {
		id, err := peer.IDFromPrivateKey(harness.NewKey(t))
		require.NoError(t, err)
		absent = append(absent, syncmod.Peer{ID: id, Name: fmt.Sprint("node", i)})
	}
	for _, n := range s.Nodes {
		def := s.Definition(n.Index, t.Name())
		def.Peers = append(def.Peers, absent...)
		s.Nodes[n.Index].Ceremony = n.Open(t, def)
	}
	s.run(s.All()...)
	url := serve(t, s.Nodes[alice].Service)
	for _, l := range []looks{desktop, phoneAtNight} {
		b := open(t, url, l)
		b.until("#headline", "Waiting for node5, node6, node7 and 92 others to connect")
		require.Equal(t, members*members, eval[int](b, "document.querySelectorAll('#links td').length"))
		b.picture("live-hundred-" + l.name)
		b.requireReadable()
	}
}

func TestThePageInEveryLook(t *testing.T) {
	skipWithoutChromium(t)
	for _, name := range []string{"late member", "broken pair", "abort", "complete"} {
		for _, one := range situations {
			if one.name != name {
				continue
			}
			url := serveHandler(t, one.play(t).page)
			for _, l := range []looks{atNight, phone, phoneAtNight} {
				b := open(t, url, l)
				b.until("#headline", one.shows[0])
				b.picture(fmt.Sprintf("looks-%s-%s", name, l.name))
				b.requireReadable()
			}
		}
	}
}

func TestAStalePageRecovers(t *testing.T) {
	skipWithoutChromium(t)
	s := newStage(t, 2)
	s.Start(alice)
	s.run(alice)
	page := statuspage.New(s.Nodes[alice].Service)
	t.Cleanup(page.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: page, ReadHeaderTimeout: time.Second}
	go server.Serve(listener) //nolint:errcheck // until it is closed
	b := open(t, "http://"+listener.Addr().String(), desktop)
	b.until("#live", "live")

	require.NoError(t, server.Close())
	b.until("#stale", "The node does not answer")
	b.until("#live", "stale: last news")
	b.picture("live-stale")
	listener, err = net.Listen("tcp", listener.Addr().String())
	require.NoError(t, err)
	server = &http.Server{Handler: page, ReadHeaderTimeout: time.Second}
	go server.Serve(listener) //nolint:errcheck // until it is closed
	t.Cleanup(func() { _ = server.Close() })

	b.until("#live", "live")
	require.Empty(t, b.text("#stale"))
}

func TestThePagePollsIfThereAreNoEvents(t *testing.T) {
	skipWithoutChromium(t)
	s := newStage(t, 3)
	s.Start(alice, bob)
	page := statuspage.New(s.Nodes[alice].Service)
	t.Cleanup(page.Close)
	url := serveHandler(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			http.Error(w, "none here", http.StatusNotImplemented)
			return
		}
		page.ServeHTTP(w, r)
	}))
	b := open(t, url, desktop)
	b.until("#headline", "Waiting for carol to connect")

	s.Start(carol)

	b.until("#headline", "Everyone is connected")
	require.Equal(t, "live", b.text("#live"))
}

func TestThePageNeedsNoMouse(t *testing.T) {
	skipWithoutChromium(t)
	s := newStage(t, 3)
	s.Start(alice, bob)
	b := open(t, serve(t, s.Nodes[alice].Service), desktop)
	b.until("#headline", "Waiting for carol to connect")
	const focused = "document.activeElement.id || document.activeElement.className"
	var order []string

	for range 5 {
		b.do(chromedp.KeyEvent("\t"))
		order = append(order, eval[string](b, focused))
	}
	require.Equal(t, []string{"skip", "copy", "scroll", "scroll", "text"}, order)
	eval[bool](b, "(document.getElementById('copy').focus(), true)")
	b.do(chromedp.KeyEvent("\r"))

	b.until("#diagnosis", "Waiting for carol to connect.", "2 carol", "Who reaches whom")
	b.until("#copy", "opied")
}
