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

// situation is what an operator finds when he looks at the page.
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
		shows: []string{"Waiting for dave to connect", "nobody reaches it", "Is it me? No", "Better not"},
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
			"Waiting for carol and erin to connect", "does not run the sync protocol",
			"connection refused",
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
			"Waiting for bob and carol, who cannot reach each other",
			"bob and carol cannot reach each other", "Is it me? No",
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
				s.does(i, "deal", until(cut))
			}
			s.Start()
			s.run(s.All()...)
			s.Until(alice, func(st syncmod.Status) bool { return len(st.Passed) == 3 })
			way.cut()
			s.Until(alice, func(st syncmod.Status) bool { return len(st.Broken) > 0 })
			close(cut)
			s.at(4)
			return s
		},
		shows: []string{"bob does not reach carol, only carol reaches bob", "Waiting for carol at step 4"},
	},
	{
		name: "relay",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4, harness.Behind(harness.NewRelay(t, long, much)))
			s.does(dave, "exchange keys", takes(700*time.Millisecond))
			s.does(dave, "deal", hang)
			s.Start()
			s.run(s.All()...)
			s.at(3)
			return s
		},
		shows: []string{
			"Waiting for dave at step 3 of 4 (verify)", "connected through a relay",
			"of 2 steps, by ", "at step 2 (deal). At this barrier it is dave",
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
		shows: []string{"The ceremony has failed: ", "v1.9", "all members need the same major and minor version"},
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
			"Waiting for carol to connect",
			"it has not opened this ceremony yet; open there with this node",
		},
	},
	{
		name: "restart",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			for _, i := range s.All() {
				s.does(i, "deal", hang)
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
			"The ceremony has failed: carol", "restarted: its step went from 2 to 0",
			"start the ceremony again together", "Can I close this now? Yes",
		},
	},
	{
		name: "abort",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			s.does(carol, "verify", func(context.Context, *syncmod.Ceremony) error {
				return errors.New("the share of operator 3 does not fit its commitment")
			})
			for _, i := range s.Except(carol) {
				s.does(i, "verify", hang)
			}
			s.Start()
			s.run(s.All()...)
			s.failed()
			return s
		},
		shows: []string{
			"The ceremony has failed: carol ended it", "does not fit its commitment",
			"It ended at carol",
		},
	},
	{
		name: "different results",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			for _, i := range s.All() {
				s.does(i, "store", attests(fmt.Sprint("the key", i == carol)))
			}
			s.Start()
			s.run(s.All()...)
			s.failed()
			return s
		},
		shows: []string{"The ceremony has failed: the members have different results", "operator 2 (carol) attests"},
	},
	{
		name: "complete",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			s.does(bob, "deal", takes(600*time.Millisecond))
			for _, i := range s.All() {
				s.does(i, "store", attests("the key"))
			}
			s.Start()
			s.run(s.All()...)
			s.Until(alice, harness.In(syncmod.Complete))
			return s
		},
		shows: []string{"The ceremony is complete", "Everyone is done", "bob"},
	},
	{
		name: "goodbye missing",
		play: func(t *testing.T) *stage {
			s := newStage(t, 4)
			s.Start()
			s.run(alice, bob, carol)
			for range len(steps) + 1 { // the last barrier, too, and no goodbye
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
		shows: []string{"The ceremony is complete, but dave did not say goodbye", "dave may not have finished"},
	},
}

func TestTheFirstScreenAnswersInEverySituation(t *testing.T) {
	for i, situation := range situations {
		t.Run(situation.name, func(t *testing.T) {
			skipWithoutChromium(t)
			s := situation.play(t)
			b := open(t, serve(t, s.Nodes[alice].Service), desktop)
			for _, words := range situation.shows {
				b.until("body", words)
			}
			b.picture(fmt.Sprintf("%02d-%s", i+1, situation.name))
			b.requireReadable()
		})
	}
}
