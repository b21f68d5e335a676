// Package syncmod keeps the members of a distributed key generation ceremony in
// lockstep. It speaks the DKG step synchronization protocol of Charon and Pluto
// ([ProtocolID]) on any libp2p host:
//
//   - Every member proves, with the key of its peer ID, that it runs the same
//     definition.
//   - All members enter each step together, one network delay after the last of them
//     is ready.
//   - When a member fails, every other member learns at once which one it was and
//     why.
//   - No member finishes with a different result from the others.
//   - An operator can see at any moment which members the others are waiting for.
//
// The package takes no part in the key generation itself. What a step does, and how
// its data travels, is up to the program.
//
// # The words
//
// A [Definition] identifies a ceremony: its hash and its members. A member's place in
// the list is its operator index. A [Ceremony] is one run of a definition on this
// node. There is a barrier before each step, and one more after the last step. A node
// passes a barrier once every member has announced the step that follows it. A
// [Service] is the protocol on one host. It lives as long as the host, and runs
// ceremonies one after the other or several at the same time.
//
// Peer (in this API), member (in the documentation) and operator (in messages) mean
// the same thing: one of the nodes that take part in a ceremony. A foreign member
// runs another implementation of the protocol, Charon or Pluto.
//
// # With fx
//
// [Module] takes a host.Host from the graph. It uses the host but never closes it. A
// node that knows its ceremony when it starts supplies the definition. It also
// supplies the steps, as a constructor that takes what it needs from the graph:
//
//	fx.New(
//		fx.Provide(newHost), // host.Host
//		syncmod.Module,
//		syncmod.Configure(syncmod.Config{ShutdownOnFailure: true}),
//		fx.Supply(definition), // syncmod.Definition
//		syncmod.RunSteps(func(k *Keystore) []syncmod.Step {
//			return []syncmod.Step{
//				{Name: "exchange keys", Run: k.Exchange},
//				{Name: "store shares", Run: k.Store},
//			}
//		}),
//	).Run()
//
// [RunSteps] runs the steps in the background, from the start of the app to its stop.
// A program that wants to wait at the barriers itself injects *Ceremony instead. A
// node that outlives its ceremonies injects *Service and opens each ceremony when it
// is needed.
//
// Never wait for a ceremony inside an fx.Invoke or an OnStart hook. fx starts the
// module only after all Invokes have run, and the other members may not arrive for
// hours. A wait with the context of an OnStart hook ends a little before that context
// does, so that fx still has time to undo the start. The error of the wait says that
// it held up the start, and what to use instead.
//
// The order of the options matters. A hook that is appended to the lifecycle ahead of
// [Module] starts before the service and stops after it. A root Invoke ahead of
// [Module] runs before the host is made. In the same way, a hook ahead of [RunSteps]
// starts before the steps and stops after them, and a root Invoke ahead of [RunSteps]
// runs before the steps are made. If these options are inside an fx.Module of the
// program, all of them come before every root Invoke, because fx calls the Invokes of
// modules first.
//
// An app can be started again after it was stopped or its start was undone. Its
// ceremony then begins anew, with the same *Ceremony and the same steps. When a hook
// outlives the context of the start, fx undoes nothing. Call [Service.Stop] in that
// case, unless the app is started again.
//
// [Config].ShutdownOnFailure and ShutdownOnComplete ask the app to stop through
// fx.Shutdowner. App.Run, App.Wait and App.Done listen to it. A program that only
// calls App.Start and App.Stop does not notice, and should use [OnEnd].
//
// A program in which some graphs have no host uses [ModuleIfHost].
//
// If the constructor of a host already listens, members can dial the host before the
// protocol is registered on it. Members that run this package or Charon try again;
// Pluto takes the first refusal as final. With [Config].RegisterEarly the protocol is
// registered when the service is made, and a member that dials before the start
// waits. That still leaves a moment between the host's constructor and the service's.
// In a cluster with Pluto it is best to listen last, in a separate hook:
//
//	fx.Invoke(func(lc fx.Lifecycle, h host.Host, _ *syncmod.Service) {
//		lc.Append(fx.StartHook(func() error { return h.Network().Listen(addrs...) }))
//	})
//
// # Without fx
//
//	service, err := syncmod.NewService(host, syncmod.Config{})
//	// …
//	err = service.Start(ctx) // dials nobody, returns at once
//	ceremony, err := service.Open(definition)
//	// …
//	err = ceremony.Run(ctx, steps...)
//	err = service.Stop(ctx)
//
// # The life of a ceremony
//
// A ceremony goes through the [Phase] values in order:
//
//	Connecting   from Open. It fails on a wrong version, signature or list of members, a refusal, or an abort
//	Running      from step 1. It also fails on a restart, a skipped step, or a member gone for PeerTimeout
//	Completing   from the announcement of the last barrier. The same failures, until that barrier is passed
//	Complete     from the end of the goodbyes
//	Failed       from the first failure, if there is one
//
// [Ceremony.AwaitConnected] waits until every member is connected in both directions
// and has proved its identity. Each [Ceremony.Advance] announces the next step and
// waits for every member to announce it. The first step is step 1.
// [Ceremony.Complete] waits at the last barrier, and then for the goodbyes.
// [Ceremony.Run] does all of this around the work of the steps. Callers that count
// the steps themselves use [Ceremony.SetStep] and [Ceremony.AwaitStep].
//
// A wait that ends because its context ends returns a [*WaitError]. The error says
// which members are missing and why. The ceremony has not failed; call again to keep
// waiting. A late member does not fail the ceremony: the others wait for it. A node
// that has not opened the ceremony yet, or whose attempt has failed, tells the others
// to wait, and [PeerStatus].Waiting shows why.
//
// A node that restarts while the members are still connecting can rejoin. If it
// restarts later, its part of the key generation is lost, so the ceremony cannot go
// on: it fails for the other members, and the restarted node waits for them to begin
// again.
//
// [Ceremony.Status] and [Ceremony.Watch] show all of this while it happens.
//
// [Observe] opens a ceremony that only looks: it shows who is there, and what would
// make the real ceremony fail. It takes no part, and does not affect the members.
// Several nodes can look at the same time. To take part afterwards, open the
// definition without [Observe].
//
// # Failing, finishing, stopping
//
// A ceremony fails once, and the first cause wins. Every wait returns that cause. The
// contexts of [Ceremony.Context] and of the steps end with that cause, and every member
// is told. A failure that a member caused is a [*PeerError], which names that member,
// not the one that passed on the news. If members differ in version, definition or list
// of members, each side names the other. Use errors.Is to tell the kinds of failure
// apart: [ErrVersionMismatch] and the errors that are listed with it. On this side,
// [Ceremony.Abort] or a step that returns an error fails the ceremony. The others
// receive the reason as text of at most 256 bytes, without passwords, file paths or
// anything that looks like a key. Even so, do not put secrets into errors.
//
// Once the last barrier is passed, the ceremony has succeeded: every member has
// announced that its work is done. Nothing can fail it after that. Only the goodbyes
// remain. In errors and statuses, the wait for the goodbyes is the barrier named
// shutdown. The [*WaitError] of Complete, and the log, name the members that do not
// answer in time.
//
// [Ceremony.Close] leaves the ceremony. While the members connect, nobody is told and
// the others go on waiting. In a running ceremony, leaving is an abort. After the
// last barrier, the goodbyes come first. [Service.Stop] closes every open ceremony,
// and so does the stop of an fx app. A closed ceremony cannot be opened again: open
// its definition again.
//
// A ceremony needs all its members. There is no quorum: any member can delay it, and
// any member can fail it.
//
// # Other attempts
//
// [Service.Run] takes part in a definition, attempt after attempt. For each attempt
// it opens the definition, makes the steps and calls [Ceremony.Run]. After a failure
// it pauses, closes the ceremony and begins again, as often as [Config].Retry allows.
// By default there is one attempt. The first barrier brings the members together: it
// waits for members that are still pausing, and for those that have to be started
// again. A node that a supervisor restarts simply joins. All members should use
// [Service.Run], with the same Retry. In an fx app, [RunAttempts] takes the place of
// [RunSteps].
//
// The function that makes the steps is called for each attempt, with the ceremony of
// that attempt. Nothing left over from an earlier attempt may get into the next one.
// [Status].Attempt is the number of the attempt.
//
// Every failure leads to another attempt, except these: a different version,
// definition, list of members or result; the stop of this node; the end of its host;
// and an error marked as [Permanent]. After one of these, the other members wait for
// this node. If a node failed at the last barrier but the others passed that
// barrier, another attempt does not help that node. In its next attempt, the node
// waits for members that are already complete. [OnEnd], and the shutdown that a
// Config asks for, come after the last attempt.
//
// # Results
//
// A node calls [Ceremony.Attest] with a digest of what its work has produced. The
// last barrier then passes only if every member attests the same digest. Otherwise
// the ceremony fails everywhere with [ErrResultMismatch], which says who attests
// what, and no member succeeds. Foreign members cannot attest, and are excused.
//
// After the last barrier, [Ceremony.Receipt] returns the proof. Each member has
// signed it with the key of its peer ID. It is JSON, meant to be kept: [ParseReceipt]
// and [Receipt.Verify] check it later, anywhere, without a network. Members must
// store what they have produced before they attest it. docs/guarantees.md says what a
// member that signs two results can do.
//
// # On the wire
//
// Each node keeps one stream to each other member. Requests go out on it, and their
// responses come back on it. A request carries the node's step, and the definition
// hash signed with the key of the node's peer ID. A node writes a request as soon as
// it has something to say, even while an earlier response is outstanding. When it has
// nothing to say, it writes a request every [Config].Heartbeat. It reopens a lost
// stream, with growing pauses, for as long as the ceremony lives. A stream that runs
// through a relay moves to a direct connection when there is one.
//
// Members that run this package tell each other more than the protocol of Charon and
// Pluto allows for. They use fields that Charon and Pluto ignore:
//
//   - which definition is meant, and a digest of its members;
//   - the sender's session and the session it addresses, so that leftovers of an
//     earlier attempt can be recognized;
//   - a digest of the attempt;
//   - an abort, with its culprit and the member that first reported it;
//   - why the sender has to wait;
//   - the result that the sender attests, and its signature of that result;
//   - a trace context.
//
// Apart from the attested result, these streams carry no data of the key generation.
//
// A node always answers a member that runs this package: it accepts the request,
// refuses it, or tells the member to wait. A foreign member takes some answers as
// final. If such an answer could be about another attempt, the node does not send it
// yet: it holds the stream. It holds at most one stream for each member and
// definition, and 1,024 in all.
//
// A stranger is a peer that is not a member of any open ceremony. Its streams are
// reset before a byte is read. Frames are small ([Config].MaxFrame), and writes have
// deadlines. Text that a member has sent is made printable and shortened before it is
// shown.
//
// # Configuration
//
// The zero [Config] is a good choice. If Charon or Pluto takes part, Version must be
// Charon's minor version, such as "v1.11". Heartbeat and ExchangeTimeout should be
// similar on all members. A node considers a member silent after three of the node's
// own heartbeats or one exchange timeout, whichever is longer.
//
// The owner of the host sets the limits on streams, connections and memory. The
// defaults of libp2p are too low for 64 members or more, for many ceremonies at the
// same time, and for many nodes in one place. [NewResourceManager] makes a resource
// manager for a host that exists only for its ceremonies. [ResourceLimits] returns
// the limits for a host that has other needs too.
//
// # How the files fit
//
// docs/protocol.md describes the protocol. internal/roster has its rules, as a state
// machine without I/O: facts go in, effects come out. internal/stream has the libp2p
// streams, in two halves that do not know each other. internal/wire has the frames.
//
// Facts flow one way, from the streams to the ceremony. Announcements flow the other
// way. Inbound: the host gives a stream to the server half. The server half admits or
// refuses it, finds the ceremony that it is for, and passes each request to that
// ceremony as a fact. Outbound: the client half has a client for each member, which
// connects and reconnects. On each stream the client sends the newest announcement, and
// passes the responses on as facts.
//
// A [Ceremony] (ceremony.go) is a handle for a core (ceremony_core.go), which is one
// run. The core has the ceremony's only lock, and is the only place that calls the
// rules. An fx app that is started again makes another core. ceremony_leave.go opens
// and leaves the ceremony. Facts come from the streams (ceremony_facts.go), from the
// program (ceremony_barriers.go) and from one timer. The core carries out the
// effects: it sends a new announcement to all clients at once, wakes waiters and ends
// streams. It tells package telemetry what has happened, as values
// (ceremony_events.go; the status is in ceremony_status.go). In that package, each
// service has one goroutine that calls loggers and tracers, and nothing else calls
// them. So a hook, an exporter or a log output never holds up a ceremony.
//
// run.go has the steps, and result.go attests the result. receipt.go reads, writes
// and verifies receipts. service.go ties the two halves to a host and keeps the list
// of open ceremonies; directory.go shows that list to the server half.
// service_meter.go knows which services share a meter. module.go and module_steps.go
// tie everything to fx and do nothing else. module_graph.go looks at what the graph
// contains, and service_app.go at what the program does with its app. definition.go
// and config.go validate input. failures.go is the table of everything that can fail
// a ceremony. errors.go has the errors, and status.go the state of each member.
// text.go makes text from peers fit to be shown. addressbook.go puts addresses into
// the host, and removes exactly those. limits.go says what a ceremony needs from its
// host. syncpb has the messages.
package syncmod
