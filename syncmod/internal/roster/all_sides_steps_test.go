package roster_test

import (
	"maps"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// The stories that package check finds go step by step, because anything that
// happens in between can matter. They have these commands in addition to those
// of [TestTranscriptsFromAllSides]:
//
//	open-stream from=alice to=bob     a client opens a stream; if it already has one, it moves to the new one
//	arrive stream=1                   the stream arrives; it belongs to the process that reads its first request
//	read-request stream=1 step=1 addressee=none [goodbye|abort]
//	                                  its handler reads this request; earlier ones that are unread were never written
//	read-response stream=1 session=0xb1 [waiting] [refused] [goodbye|abort]
//	                                  its client reads up to this response
//	retry stream=1                    the handler that this one waits for has returned
//	refuse stream=1                   the handler sends the refusal as its answer
//	return stream=1                   its handler returns
//	hang-up stream=1                  its client gives it up
//	break stream=1                    the network loses it; the ends will notice
//	say-again stream=1                a heartbeat
//	crash alice                       the process is killed
//	finish alice                      the node waits for no more goodbyes
//	later alice after=5s              time passes for this node
func init() { maps.Copy(sidesCommands, stepCommands) }

var stepCommands = map[string]func(*sides, *arguments){
	"open-stream": func(s *sides, a *arguments) {
		s.world.nodes[a.member("from", -1)].openStep(a.member("to", -1))
	},
	"arrive": func(s *sides, a *arguments) { s.stream(a).arrive() },
	"read-request": func(s *sides, a *arguments) {
		stream := s.stream(a)
		step, addressee := a.number("step", 0), a.session("addressee", -1)
		goodbye, abort := a.flag("goodbye"), a.flag("abort")
		k := slices.IndexFunc(stream.requests, func(next sent) bool {
			q := next.request
			to := q.Addressee == addressee || q.Session == 0
			return to && q.Step == step && q.Shutdown == goodbye && q.Aborted == abort
		})
		require.GreaterOrEqual(a.t, k, 0, "%s: no such request is on its way", a.d.Pos)
		stream.skip(k)
		stream.readRequest()
	},
	"read-response": func(s *sides, a *arguments) {
		stream := s.stream(a)
		session, waits, refused := a.session("session", -1), a.flag("waiting"), a.flag("refused")
		goodbye, abort := a.flag("goodbye"), a.flag("abort")
		k := slices.IndexFunc(stream.responses, func(r roster.Response) bool {
			return r.Session == session && r.Waiting == waits && r.Refused == refused
		})
		for ; k >= 0 && k < len(stream.responses); k++ {
			if q := stream.outstanding[k]; q.goodbye == goodbye && q.abort == abort {
				break
			}
		}
		require.True(a.t, k >= 0 && k < len(stream.responses), "%s: no such response is on its way", a.d.Pos)
		for range k + 1 {
			stream.deliverResponse()
		}
	},
	"retry":  func(s *sides, a *arguments) { s.stream(a).retry() },
	"refuse": func(s *sides, a *arguments) { s.stream(a).refuse() },
	"return": func(s *sides, a *arguments) {
		stream := s.stream(a)
		if stream.server.alive() {
			stream.handlerReturns()
			return
		}
		stream.handler, stream.requests = returned, nil
	},
	"hang-up": func(s *sides, a *arguments) { s.stream(a).giveUp() },
	"break":   func(s *sides, a *arguments) { s.stream(a).broken = true },
	"say-again": func(s *sides, a *arguments) {
		stream := s.stream(a)
		stream.client.write(stream)
	},
	"crash": func(s *sides, a *arguments) { s.world.nodes[s.node(a).index] = nil },
	"finish": func(s *sides, a *arguments) {
		p := s.node(a)
		p.roster.Finish(s.world.now)
		p.observe()
	},
	"later": func(s *sides, a *arguments) {
		after := a.duration("after")
		p := s.node(a)
		s.world.now = s.world.now.Add(after)
		p.roster.Tick(s.world.now)
		p.observe()
	},
}

// stream returns the stream that a command names.
func (s *sides) stream(a *arguments) *stream {
	stream := s.world.find(a.stream(0))
	require.NotNil(a.t, stream, "%s: no such stream", a.d.Pos)
	return stream
}

// openStep opens a stream that has not arrived anywhere.
func (p *process) openStep(j int) {
	cl := &p.clients[j]
	nowhere := &process{world: p.world, index: j, session: 1}
	if to := p.world.nodes[j]; to != nil {
		nowhere.session = to.session
	}
	s := p.world.newStream(p.index, nowhere, p)
	cl.stream, cl.old = s, cl.stream
	p.roster.OutboundOpened(j, s.id, false)
	p.observe()
	p.write(s)
}

// arrive makes a stream arrive. Only one stream of a peer may wait for its first
// accepted request, so this method ends an earlier stream that waits.
func (s *stream) arrive() {
	s.world.now = s.world.now.Add(time.Millisecond)
	s.opened = s.world.now
	for _, o := range s.world.streams {
		waits := o.arrived && o.accepted == nil && o.handler < ending
		if waits && o != s && o.from == s.from && o.server.index == s.server.index {
			o.broken, o.handler, o.awaits = true, ending, nil
		}
	}
	s.arrived = true
}

// skip removes from a stream the requests that its client never wrote.
func (s *stream) skip(k int) {
	first := len(s.outstanding) - len(s.requests)
	s.requests = slices.Delete(s.requests, 0, k)
	if first >= 0 {
		s.outstanding = slices.Delete(s.outstanding, first, first+k)
	}
}

// readRequest makes the handler read a request. The first request goes to the
// process that the node runs now. If the node runs none, the answer is that the
// node waits.
func (s *stream) readRequest() {
	if p := s.world.nodes[s.server.index]; p != nil && s.server.roster == nil {
		s.server = p
	}
	if s.server.alive() {
		s.deliverRequest()
		return
	}
	s.requests = s.requests[1:]
	s.responses = append(s.responses, roster.Response{Waiting: true})
	s.world.log("%s waits: it has not opened the ceremony", name(s.server.index))
}

// giveUp makes the client give up a stream, and stop telling the member of a
// failure.
func (s *stream) giveUp() {
	if s.clientOpen && s.client.alive() {
		s.client.hangUp(s)
	}
}
