package browser

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	long = time.Hour
	much = 1 << 30
)

// situation is a situation that an operator sees on the page.
type situation struct {
	name  string
	play  func(*testing.T) *stage
	shows []string // at first sight
}

var situations = []situation{
	{
		name: "late member",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			s.Nodes[dave].CloseHost()
			s.Start(alice, bob, carol)
			s.run(alice, bob, carol)
			return s
		},
		shows: []string{
			"Waiting for dave to connect", "Nobody can reach dave's node: connection refused.", "Is it me? No",
			"Who was slow? dave",
			"Can I stop this node now? Yes This node is not ready for step 1 yet, so nothing is lost.",
			"unreachable: connection refused, nobody reaches it",
		},
	},
	{
		name: "two late members",
		play: func(t *testing.T) *stage {
			s := newStage(t, 5)
			s.Nodes[carol].CloseHost()
			s.Start(alice, bob, dave)
			s.run(alice, bob, dave)
			return s
		},
		shows: []string{
			"Waiting for carol and erin to connect", "erin's host is up, but no ceremony is running there",
			"erin must start the ceremony. carol must start the node, or fix its address or network.",
			"cannot reach carol's node: connection refused. ",
		},
	},
	{
		name: "broken pair",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4, harness.Links())
			for _, l := range s.Between([]int{bob}, []int{carol}) {
				l.Cut()
			}
			s.Start()
			s.run(s.All()...)
			return s
		},
		shows: []string{
			"Waiting for bob and carol, who cannot reach each other", "Is it me? No",
			"Who was slow? Nobody The link between bob and carol is broken.",
			"It is stuck until bob and carol can reach each other.",
			"Can I stop this node now? No This node is ready for step 1: stopping it now",
			"cannot reach carol", "cannot reach bob",
		},
	},
	{
		name: "one way",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			way := &oneWay{Host: s.Nodes[bob].Host, to: s.Nodes[carol].ID()}
			s.Nodes[bob].Host = way
			cut := make(chan struct{})
			for _, i := range s.All() {
				s.setWork(i, "deal", workUntil(cut))
			}
			s.Start()
			s.run(s.All()...)
			for _, i := range s.All() { // carol too must have heard that bob has finished step 1
				s.Until(i, func(st syncmod.Status) bool { return len(st.Passed) == 3 })
			}
			way.cut()
			s.Until(alice, func(st syncmod.Status) bool { return len(st.Broken) > 0 })
			close(cut)
			s.at(4)
			return s
		},
		shows: []string{
			"Waiting for carol: bob cannot reach carol", "It is stuck until bob can reach carol.",
			"Who was slow? Nobody The link between bob and carol is broken.",
			"not reached by bob",
		},
	},
	{
		name: "relay",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4, harness.Behind(harness.NewRelay(t, long, much)))
			s.setWork(dave, "exchange keys", workFor(700*time.Millisecond))
			s.setWork(dave, "deal", hang)
			s.Start()
			s.run(s.All()...)
			s.at(3)
			return s
		},
		shows: []string{
			"Waiting for dave to finish step 2 of 4 (deal)", "connected through a relay",
			"dave is working on step 2 of 4 (deal).",
			" behind the others at step 1 (exchange keys). dave has yet to finish step 2 of 4 (deal).",
			"2 deal waiting for dave",
		},
	},
	{
		name: "wrong version",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			config := patient()
			config.Version = "v1.9"
			s.Start(alice, bob, dave)
			s.run(alice, bob, dave)
			for _, i := range s.Except(carol) {
				s.Until(i, connectedWith(2))
			}
			s.alone(carol, config, s.Definition(carol, t.Name()))
			s.failed()
			return s
		},
		shows: []string{
			"The ceremony has failed: carol runs a different version",
			"Has it failed? Yes: carol runs a different version", "All members need the same major and minor version.",
			"Either carol must install v1.0, or everyone else v1.9.",
		},
	},
	{
		name: "wrong definition",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			s.Start(alice, bob, dave)
			s.run(alice, bob, dave)
			s.alone(carol, patient(), s.Definition(carol, "another one"))
			return s
		},
		shows: []string{
			"Waiting for carol, who uses a different definition",
			"Is it me? Probably not Compare the definition files: carol uses ", "; this node, bob and dave use ",
			"The ceremony will begin when carol uses the same definition",
			"carol's node is up, but uses a different definition.",
		},
	},
	{
		name: "restart",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			for _, i := range s.All() {
				s.setWork(i, "deal", hang)
			}
			s.Start()
			s.run(s.All()...)
			s.at(2)
			s.Until(alice, func(st syncmod.Status) bool { return len(st.Passed) == 3 })
			s.Restart(carol)
			s.failed()
			return s
		},
		shows: []string{
			"The ceremony has failed: carol's node restarted",
			"Has it failed? Yes: carol's node restarted carol's node was at step 2, and is back at the start.",
			"Agree with the others when to start again.", "Can I stop this node now? Yes", "2 carol its node restarted",
		},
	},
	{
		name: "abort",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			s.setWork(carol, "verify", func(context.Context, *syncmod.Ceremony) error {
				return errors.New("the share of operator 3 does not match the commitment of operator 3")
			})
			for _, i := range s.Except(carol) {
				s.setWork(i, "verify", hang)
			}
			s.Start()
			s.run(s.All()...)
			s.failed()
			return s
		},
		shows: []string{
			"The ceremony has failed: carol gave up in step 3 (verify) because of dave",
			"carol reports: the share of dave does not match the commitment of dave.",
			"Is it me? Probably not The problem seems to be between carol and dave.", "2 carol gave up because of dave",
			"3 dave blamed by carol",
		},
	},
	{
		name: "different results",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			for _, i := range s.All() {
				s.setWork(i, "store", attests(fmt.Sprint("the key", i == carol)))
			}
			s.Start()
			s.run(s.All()...)
			s.failed()
			return s
		},
		shows: []string{
			"The ceremony has failed: carol's result differs", "2 carol its result differs",
			"Is it me? Probably not This node, bob and dave have the same result",
			"Can I stop this node now? Yes, but never use these keys",
		},
	},
	{
		name: "complete",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			s.setWork(bob, "deal", workFor(600*time.Millisecond))
			for _, i := range s.All() {
				s.setWork(i, "store", attests("the key"))
			}
			s.Start()
			s.run(s.All()...)
			s.Until(alice, harness.In(syncmod.Complete))
			return s
		},
		shows: []string{
			"The ceremony is complete", "The members have signed the result ", "Who was slow? bob", "at step 2 (deal)",
			"Can I stop this node now? Yes Keep your keys and the receipt",
		},
	},
	{
		name: "goodbye missing",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			s.Start()
			s.run(alice, bob, carol)
			for range len(steps) + 1 { // the last barrier too, and no goodbye
				_, err := s.Nodes[dave].Ceremony.Advance(s.Context())
				require.NoError(t, err)
			}
			for _, i := range s.Except(dave) {
				s.Until(i,
					func(st syncmod.Status) bool { w := st.WaitingFor(); return w != nil && w.Barrier == "shutdown" })
			}
			s.Kill(dave)
			s.Until(alice, harness.In(syncmod.Complete))
			return s
		},
		shows: []string{
			"Finished here. Keep this node running: dave's goodbye is missing",
			"Can I stop this node now? Not yet Your keys are complete. Ask dave whether ",
			"Who are we waiting for? Nobody This node has stopped waiting for dave's goodbye.",
			"Is it me? Probably not",
		},
	},
	{
		name: "rehearsal",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			s.Nodes[dave].CloseHost()
			s.Idle(alice, carol)
			s.Start(bob)
			s.run(bob)
			s.look(alice, carol)
			return s
		},
		shows: []string{
			"This is a rehearsal: the ceremony would wait for dave", "connection refused", "Is it me? Probably not",
			"Can I stop this node now? Yes Stopping a rehearsal harms nobody", "2 carol ready, and rehearsing too",
		},
	},
}

func TestTheFirstScreenAnswers(t *testing.T) {
	for i, situation := range situations {
		t.Run(situation.name, func(t *testing.T) {
			skipWithoutChromium(t)
			s := situation.play(t)
			b := open(t, serveHandler(t, s.page), desktop)
			for _, words := range situation.shows {
				b.until("body", words)
			}
			b.picture(fmt.Sprintf("%02d-%s", i+1, situation.name))
			b.requireReadable()
		})
	}
}
