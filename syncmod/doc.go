// Package syncmod keeps the members of a distributed key generation ceremony in
// lockstep. It speaks the DKG step synchronization protocol of Charon and Pluto
// ([ProtocolID]) on any libp2p host:
//
//   - every member proves that it runs the same definition, with the key of its
//     peer ID;
//   - all enter each step together, one network delay after the last of them is
//     there;
//   - when one of them fails, everyone learns at once who it was and why;
//   - nobody finishes with another result than the others;
//   - an operator sees at any moment whom the others are waiting for.
//
// It does no part of the key generation itself: what a step does, and how its
// data travels, is the program's own business.
//
// # The words
//
// A [Definition] identifies a ceremony: its hash and its members. A member's place
// among them is its operator index. A [Ceremony] is one run of one definition on
// this node. Between two steps lies a barrier, which a node passes when everyone
// has announced the step. A [Service] is the protocol on one host; it lives as long
// as the host, and runs ceremonies one after the other or several at once.
//
// Peer (in this API), member (in the documentation) and operator (in messages) are
// the same: one of those that take part in a ceremony.
//
// # With fx
//
// [Module] takes a host.Host from the graph, which it uses and never owns. A node
// that knows its ceremony when it starts supplies the definition, and the steps as
// a constructor that takes what it needs from the graph:
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
// [RunSteps] runs them in the background, from the start of the app to its stop. A
// program that wants to call the barriers itself injects *Ceremony instead, and a
// node that lives longer than its ceremonies injects *Service and opens them when
// they come. Never wait for a ceremony inside an fx.Invoke or an OnStart hook: fx
// starts the module only after all Invokes, and the others may not be there for
// hours. A wait with the context of an OnStart hook ends a little before that context
// does, with an error that says so, in time for fx to undo the start.
//
// The options stand among the node's own: what is appended to the lifecycle before
// [Module] starts before the service and stops after it, and a root Invoke before it
// runs before the host is made. The same holds for [RunSteps] and the steps. Inside an
// fx.Module of the program, all of it comes before every root Invoke, because fx
// calls the Invokes of modules first.
//
// An app that was stopped, or whose start was undone, can be started again. Its
// ceremony begins anew, with the same *Ceremony and the same steps. When a hook
// outlives the context of the start, fx undoes nothing: until the next start,
// [Service.Stop] does that here.
//
// [Config].ShutdownOnFailure and ShutdownOnComplete ask the app to stop by
// fx.Shutdowner, which App.Run, App.Wait and App.Done listen to. A program that only
// calls App.Start and App.Stop does not notice: it uses [OnEnd].
//
// A program whose graphs do not all have a host uses [ModuleIfHost].
//
// A host that listens from its constructor on can be dialled before the protocol
// is registered there. Members that run this package or Charon try again; Pluto
// takes the first refusal as final. With [Config].RegisterEarly the protocol is
// registered when the service is made, and who dials before the start waits. Between
// the host's constructor and the service's, a moment is left. In a cluster with Pluto
// it is best to listen last, in a hook of its own:
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
//	Connecting   from Open. What fails it: a wrong version, signature or list of members, a refusal, an abort
//	Running      from step 1. Also: a restart, a skipped step, a member gone for PeerTimeout
//	Completing   from the announcement of the last barrier. The same, until that barrier is passed
//	Complete     from the end of the goodbyes
//	Failed       from the first failure, if there is one
//
// [Ceremony.AwaitConnected] waits until every member is connected, both ways, and
// has proved itself. Each [Ceremony.Advance] announces the next step and waits for
// everyone; the first is step 1. [Ceremony.Complete] is the last barrier and the
// goodbyes. [Ceremony.Run] is all of that around the work of the steps. Callers
// that count steps for themselves have [Ceremony.SetStep] and [Ceremony.AwaitStep].
//
// A wait that ends because its context does returns a [*WaitError], which says
// whom it was still waiting for and why each of them is missing. The ceremony has
// not failed; call again to keep waiting. A member that comes late is waited for: a
// node that has not opened the ceremony yet, or whose attempt has failed, says so,
// and [PeerStatus].Waiting shows it. A node that restarts while everyone is
// connecting is taken back. Afterwards its part of the key generation is lost, and
// the ceremony with it: it fails for the others, while the restarted node waits for
// them to begin again.
//
// [Ceremony.Status] and [Ceremony.Watch] show all of this while it happens.
//
// [Observe] opens a ceremony that only looks: who is there, and what would fail the real
// one. It takes no part and leaves the members as they were. Several nodes may look at
// the same time; afterwards the definition is opened to take part.
//
// # Failing, finishing, stopping
//
// A ceremony fails once, and the first cause wins: every wait returns it, the
// contexts of [Ceremony.Context] and of the steps end with it, and everyone is
// told. Failures that are a member's doing come as [*PeerError], which names the
// culprit and not the messenger; errors.Is tells the kinds apart, beginning with
// [ErrVersionMismatch]. [Ceremony.Abort], or a step that returns an error, fails
// it from this side. The others are told the reason as text: at most 256 bytes,
// without passwords, file paths and what looks like a key. Still, do not put secrets
// into errors.
//
// Once the last barrier is passed the ceremony has succeeded, for everybody has
// announced that its work is done. Nothing fails it any more. What remains is to
// say goodbye. The [*WaitError] of Complete, and the log, name the members that do
// not answer in time.
//
// [Ceremony.Close] leaves. While the members connect, nobody is told and they go
// on waiting; in a running ceremony it is an abort; after the last barrier the
// goodbyes come first. [Service.Stop], and the stop of an fx app, close what is
// open. A closed ceremony is not reopened: open its definition again.
//
// A ceremony needs all its members. There is no quorum: any of them can hold it
// up, and any of them can fail it.
//
// # Other attempts
//
// [Service.Run] takes part in a definition, attempt after attempt: it opens the
// definition, makes the steps, and is a [Ceremony.Run]. After a failure it pauses,
// closes the ceremony and begins again, as often as [Config].Retry says; by default
// there is one attempt. The first barrier brings the members together: whoever is
// still pausing, or has to be started again, is waited for, and a node that a
// supervisor restarts simply joins. All members should run so, with the same Retry.
// In an fx app [RunAttempts] takes the place of [RunSteps].
//
// The function that makes the steps is called for each attempt, with its ceremony:
// what is left of an earlier attempt must not get into the next one.
// [Status].Attempt says which one it is.
//
// Another attempt follows a restart, a timeout, a member that left, an abort, and an
// error of a step. None follows another version, definition, list of members or
// result, the stop of this node, and an error that is marked as [Permanent]: the other
// members then wait for this node. None helps a node whose failure came at the last
// barrier, which the others may have passed: it waits for members that are complete.
// [OnEnd], and the shutdown that a Config asks for, come after the last attempt.
//
// # Results
//
// A node that calls [Ceremony.Attest] says what its work has produced, by a digest
// of it. The last barrier then passes only if every member attests the same. If not,
// the ceremony fails everywhere with [ErrResultMismatch], which says who attests
// what, and nobody has succeeded. Foreign members cannot attest, and are excused.
//
// After the last barrier, [Ceremony.Receipt] is the proof, signed by each member with
// the key of its peer ID. It is JSON to be filed: [ParseReceipt] and
// [Receipt.Verify] check it later, anywhere, without a network. Members have to
// store what they have produced before they attest it. What a member that signs two
// results can do is in docs/guarantees.md.
//
// # On the wire
//
// Each node keeps one stream to each other member: requests go out on it, and
// their responses come back. A request carries the node's step and its signature
// of the definition hash, made with the key of its peer ID. It is written the
// moment there is something to say, also while an earlier response is
// outstanding, and once a [Config].Heartbeat when there is nothing. A lost stream
// is opened again, with growing pauses, for as long as the ceremony lives; one
// that runs through a relay moves to a direct connection when there is one.
//
// What members of this package tell each other beyond the protocol of Charon and
// Pluto travels in fields that those ignore: which definition is meant, and a digest
// of its members; the sender's session, and the session that it addresses, by which
// what is left of an earlier attempt can be distinguished from this one; a digest of
// the attempt; an abort with its culprit and with the member that first reported
// it; why the sender has to wait; the result that it attests, and its signature of
// that; a trace context. Nothing else of the key generation is on these streams.
//
// A node always answers a member of this package: it accepts or refuses the
// request, or tells the member to wait. An answer that a member of another
// implementation would take as final is held back where it could be about another
// attempt. At most one stream of a member and definition waits so, and 1,024 of all.
//
// Streams of strangers, who are members of nothing that is open, are reset before
// a byte is read. Frames are small ([Config].MaxFrame), writes have deadlines, and
// text that a member has sent is made printable and cut before it is shown.
//
// # Configuration
//
// The zero [Config] is a good one. Version has to be the cluster's: Charon's
// minor version, as in "v1.11", where Charon or Pluto takes part. Heartbeat and
// ExchangeTimeout should be alike at all members: a node takes another for silent
// after three of its own heartbeats, or one exchange timeout, whichever is longer.
//
// Limits on streams, connections and memory are the host owner's. From 64 members
// on, for many ceremonies at once and for many nodes in one place, libp2p's defaults
// are too low: [NewResourceManager] makes what a host needs that exists for its
// ceremonies, [ResourceLimits] says it to a host with needs of its own.
//
// # How the files fit
//
// The protocol is described in docs/protocol.md; internal/roster has its rules, as a
// state machine without I/O: facts go in, effects come out. internal/stream has the
// libp2p streams, in two halves that do not know each other, and internal/wire the
// frames.
//
// Data flows one way. Inbound: the host gives a stream to the server half, which
// admits or refuses it, finds the ceremony that it is for and brings each request
// there as a fact. Outbound: the client half has a client for each member, which
// connects and reconnects; on each stream it sends the newest announcement, and
// brings the responses as facts.
//
// A [Ceremony] (ceremony.go) is a handle of a core (ceremony_core.go), which is one run:
// the ceremony's only lock, and the only place that calls the rules. An fx app that is
// started again makes another core. ceremony_leave.go opens and leaves it. Facts come to it from the streams
// (ceremony_facts.go), from the program (ceremony_barriers.go) and from its one
// timer. It carries out the effects: a new announcement goes to all clients at once,
// waiters wake, streams end. What has happened goes as a value to package
// telemetry (ceremony_events.go; the status is in ceremony_status.go), whose one goroutine
// alone calls loggers and tracers, so that no hook, exporter or log output ever holds
// up a ceremony.
//
// run.go has the steps. result.go attests the result, receipt.go reads, writes and
// verifies receipts. service.go ties the halves to a host and keeps the list of open
// ceremonies, which directory.go shows to the server half; service_meter.go
// knows which services share a meter. module.go and module_steps.go tie everything to
// fx and nothing else; module_graph.go looks at what the graph has, and service_app.go
// at what the program does with its app. definition.go and config.go check what comes in.
// failures.go is the table of everything that can fail a ceremony, errors.go has the
// errors, status.go says how a member stands, text.go makes foreign text fit to be
// shown. addressbook.go puts addresses into the host and takes back exactly those.
// limits.go says what a ceremony needs of its host. syncpb has the messages.
package syncmod
