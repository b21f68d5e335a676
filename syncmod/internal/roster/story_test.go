package roster_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// story is a node, and what a transcript has said so far.
type story struct {
	roster  *roster.Roster
	now     time.Time
	members int
	self    int
	arrived map[roster.StreamID]time.Time // when the streams to this node were opened
	only    []roster.EventType            // the events that a command shows, if not all
	ticks   bool                          // whether commands show when the next tick is due
	awaited roster.Barrier                // what await-connected waits for
	passed  map[int64][]time.Time         // when each member reached a barrier
}

// shows reports whether a command shows an event. Commands that stand for many
// facts leave out most events.
func (s *story) shows(e roster.Event) bool { return s.only == nil || slices.Contains(s.only, e.Type) }

// open makes the node's roster.
func (s *story) open(a *arguments) {
	text := a.text("version", "v1.11")
	version, err := roster.ParseVersion(text)
	require.NoError(a.t, err)
	*s = story{
		now: start, members: int(a.number("members", 4)), self: a.member("self", 0),
		arrived: map[roster.StreamID]time.Time{}, passed: map[int64][]time.Time{},
	}
	s.roster = roster.New(s.now, roster.Config{
		Members: s.members, Self: s.self, Session: sessionOf(s.self), Version: version, VersionText: text,
		PeerTimeout: a.duration("peer-timeout"), Observes: a.flag("observes"),
	})
}

// others returns the named members, or all but this node.
func (s *story) others(named []int) []int {
	if len(named) > 0 {
		return named
	}
	var all []int
	for i := range s.members {
		if i != s.self {
			all = append(all, i)
		}
	}
	return all
}

func inboundOf(i int) roster.StreamID  { return roster.StreamID(10 + i) }
func outboundOf(i int) roster.StreamID { return roster.StreamID(20 + i) }
func sessionOf(i int) uint64           { return uint64(0xa1 + 0x10*i) }

// requestFrom returns a request that counts once the member has answered this
// node.
func (s *story) requestFrom(i int, step int64) roster.Request {
	return roster.Request{
		Version: "v1.11", Signed: true, Session: sessionOf(i), Addressee: sessionOf(s.self), Step: step,
		Culprit: -1, Reporter: -1,
	}
}

// request passes on a request. Its stream arrived when it was first named.
func (s *story) request(i int, stream roster.StreamID, q roster.Request) roster.Verdict {
	s.arrive(stream)
	q.Opened = s.arrived[stream]
	return s.roster.Request(s.now, i, stream, q)
}

func (s *story) arrive(stream roster.StreamID) {
	if _, ok := s.arrived[stream]; !ok {
		s.arrived[stream] = s.now
	}
}

// meet makes a member answer this node, on this node's stream to the member.
func (s *story) meet(i int) {
	s.roster.OutboundOpened(i, outboundOf(i), false)
	s.roster.Response(s.now, i, outboundOf(i), roster.Response{Session: sessionOf(i)})
}

// attemptOf returns the digest that a word in a transcript stands for.
func attemptOf(word string) (attempt [8]byte) {
	copy(attempt[:], word)
	return attempt
}

// attestationOf returns the attestation that a word in a transcript stands for.
func attestationOf(word string) *roster.Attestation {
	switch word {
	case "":
		return nil
	case "forged":
		return &roster.Attestation{Result: "aa"}
	}
	return &roster.Attestation{Result: word, Verified: true}
}

// commands are the facts that a transcript can bring. Their results are printed
// before the events.
var commands = map[string]func(*story, *arguments) []string{
	"open": func(s *story, a *arguments) []string {
		s.open(a)
		s.roster.Open(s.now)
		s.only = []roster.EventType{}
		return []string{fmt.Sprintf("%s opens a ceremony with %s", name(s.self), nameList(s.others(nil)))}
	},
	"prepare": func(s *story, a *arguments) []string {
		s.open(a)
		return []string{fmt.Sprintf("%s prepares a ceremony with %s", name(s.self), nameList(s.others(nil)))}
	},
	"begin": func(s *story, _ *arguments) []string {
		s.roster.Open(s.now)
		return nil
	},
	"connect": func(s *story, a *arguments) []string {
		s.only = []roster.EventType{roster.AllConnected, roster.CeremonyFailed}
		members := s.others(a.named())
		for _, i := range members {
			s.meet(i)
			s.request(i, inboundOf(i), s.requestFrom(i, 0))
		}
		return []string{"connected both ways, at step 0: " + nameList(members)}
	},
	"meet": func(s *story, a *arguments) []string {
		s.only = []roster.EventType{roster.CeremonyFailed}
		members := s.others(a.named())
		for _, i := range members {
			s.meet(i)
		}
		return []string{"answered our first request: " + nameList(members)}
	},
	"reach": func(s *story, a *arguments) []string {
		s.only = []roster.EventType{roster.BarrierPassed, roster.CeremonyFailed}
		for step := s.roster.Step() + 1; step <= a.number("step", 0); step++ {
			require.NoError(a.t, s.roster.Announce(s.now, step))
			for _, i := range s.others(nil) {
				s.request(i, inboundOf(i), s.requestFrom(i, step))
			}
		}
		return nil
	},
	"await-connected": func(s *story, _ *arguments) []string {
		s.awaited = s.roster.AwaitConnected(s.now)
		return nil
	},
	"announce": func(s *story, a *arguments) []string {
		announce := s.roster.Announce
		if a.flag("last") {
			announce = s.roster.AnnounceLast
		}
		if err := announce(s.now, a.number("step", 0)); err != nil {
			return []string{err.Error()}
		}
		return nil
	},
	"attest": func(s *story, a *arguments) []string {
		if err := s.roster.Attest(attestationOf(a.text("is", ""))); err != nil {
			return []string{err.Error()}
		}
		return nil
	},
	"attested": func(s *story, _ *arguments) (said []string) {
		for i := range s.members {
			said = append(said, name(i)+" attests "+attestationWords(s.roster.Attested(i)))
		}
		return said
	},
	"inbound-open": func(s *story, a *arguments) []string {
		i := a.member("from", -1)
		stream := a.stream(inboundOf(i))
		s.arrive(stream)
		return []string{fmt.Sprintf("stream %d waits for its first request", stream)}
	},
	"request": func(s *story, a *arguments) []string {
		i := a.member("from", -1)
		q := roster.Request{
			Version: a.text("version", "v1.11"), Signed: !a.flag("unsigned"), OtherMembers: a.flag("other-members"),
			Session: a.session("session", i), Addressee: a.session("addressee", s.self),
			Step: a.number("step", 0), Shutdown: a.flag("shutdown"), Aborted: a.flag("abort"),
			Culprit: a.member("culprit", -1), Reporter: a.member("reporter", -1), Observes: a.flag("observes"),
		}
		if text := a.text("attempt", ""); text != "" {
			q.Attempt, q.HasAttempt = attemptOf(text), true
		}
		q.Attestation = attestationOf(a.text("attests", ""))
		if q.Aborted {
			q.Abort, q.Differ = a.d.Input, a.flag("differ")
		}
		return []string{verdictWords(s.now, s.request(i, a.stream(inboundOf(i)), q))}
	},
	"repeated": func(s *story, a *arguments) []string {
		i := a.member("from", -1)
		if !s.roster.Repeated(s.now, i, a.stream(inboundOf(i))) {
			return []string{"judge it"}
		}
		return []string{"accept"}
	},
	"inbound-down": func(s *story, a *arguments) []string {
		i := a.member("from", -1)
		s.roster.InboundDown(s.now, i, a.stream(inboundOf(i)))
		return nil
	},
	"outbound-open": func(s *story, a *arguments) []string {
		i := a.member("to", -1)
		s.roster.OutboundOpened(i, a.stream(outboundOf(i)), a.flag("relayed"))
		return nil
	},
	"response": func(s *story, a *arguments) []string {
		i := a.member("from", -1)
		answer := roster.Response{
			Session: a.session("session", i), Goodbye: a.flag("goodbye"), Abort: a.flag("abort"),
			Refused: a.flag("error"), Waiting: a.flag("waiting"),
		}
		if answer.Waiting {
			answer.WaitingText = a.d.Input
		}
		if answer.Refused {
			answer.Error = a.d.Input
		}
		return []string{s.roster.Response(s.now, i, a.stream(outboundOf(i)), answer).String()}
	},
	"outbound-down": func(s *story, a *arguments) []string {
		i := a.member("to", -1)
		s.roster.OutboundDown(s.now, i, a.stream(outboundOf(i)), errLost)
		return nil
	},
	"attempt": func(s *story, a *arguments) []string {
		var sessions []string
		for i, session := range s.roster.Sessions() {
			sessions = append(sessions, fmt.Sprintf("%s %#x", name(i), session))
		}
		s.roster.SetAttempt(s.now, attemptOf(a.text("is", "")))
		return []string{"the sessions in it: " + strings.Join(sessions, ", ")}
	},
	"abort": func(s *story, _ *arguments) []string {
		s.roster.Fail(s.now, roster.Failure{Kind: roster.Aborted, Culprit: s.self, By: s.self})
		return nil
	},
	"stop": func(s *story, _ *arguments) []string {
		s.roster.Fail(s.now, roster.Failure{Kind: roster.Stopped, Culprit: s.self, By: s.self})
		return nil
	},
	"close-host": func(s *story, _ *arguments) []string {
		s.roster.Fail(s.now, roster.Failure{Kind: roster.HostClosed, Culprit: s.self, By: s.self})
		return nil
	},
	"finish": func(s *story, _ *arguments) []string {
		s.roster.Finish(s.now)
		return nil
	},
	"wait": func(s *story, a *arguments) []string {
		d := a.duration("for")
		s.now = s.now.Add(d)
		return []string{fmt.Sprintf("%v after the start", s.now.Sub(start))}
	},
	"tick": func(s *story, a *arguments) []string {
		s.now = s.now.Add(a.duration("after"))
		s.roster.Tick(s.now)
		s.ticks = true
		return nil
	},
	"missing":  (*story).missing,
	"reached":  (*story).reached,
	"waiting":  (*story).waiting,
	"status":   (*story).status,
	"arrivals": (*story).arrivals,
}
