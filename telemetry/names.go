package telemetry

import "go.opentelemetry.io/otel/attribute"

// These constants identify the instrumentation scope of all spans and metrics.
const (
	// ScopeName is the name of the scope.
	ScopeName = "github.com/dkgsync/dkgsync"
	// Version is the version of the scope, without a "v" in front.
	Version = "0.1.0"
)

// The names of spans begin with these texts. The name of a step or of a member may follow.
const (
	spanStart     = "dkgsync.ceremony.start"
	spanCeremony  = "dkgsync.ceremony"
	spanConnect   = "dkgsync.connect"
	spanReconnect = "dkgsync.reconnect"
	spanStream    = "dkgsync.stream"
	spanStep      = "dkgsync.step"
	spanBarrier   = "dkgsync.barrier"
	spanWaiting   = "dkgsync.barrier.waiting"

	eventArrived = "peer_arrived"
)

// The attributes of spans and metrics.
const (
	keySpan attribute.Key = "dkgsync.span" // the text that the span's name begins with

	keyHash      attribute.Key = "dkgsync.definition.hash" // in hex
	keyNodeIndex attribute.Key = "dkgsync.node.index"      // this node's operator index
	keyNodeCount attribute.Key = "dkgsync.node.count"      // the number of members

	keyPeerIndex attribute.Key = "dkgsync.peer.index" // a member's operator index
	keyPeerID    attribute.Key = "dkgsync.peer.id"
	// keyPeerService is the member's service.name if its operator sets that as [ServiceName] advises. OpenTelemetry
	// defines this attribute, and Jaeger's page shows it.
	keyPeerService attribute.Key = "peer.service"

	keyAttempts      attribute.Key = "dkgsync.connect.attempts"
	keyRelayed       attribute.Key = "dkgsync.connect.relayed"
	keyConnectReason attribute.Key = "dkgsync.connect.reason" // why the previous stream ended

	keyStreamRelayed attribute.Key = "dkgsync.stream.relayed"
	keyMessages      attribute.Key = "dkgsync.stream.messages"
	keyEndReason     attribute.Key = "dkgsync.stream.end_reason"

	keyStep        attribute.Key = "dkgsync.step"
	keyStepName    attribute.Key = "dkgsync.step.name"
	keyBarrierKind attribute.Key = "dkgsync.barrier.kind"
	keyLastPeer    attribute.Key = "dkgsync.barrier.last_peer"     // operator index of the last member to arrive
	keyMissing     attribute.Key = "dkgsync.barrier.missing_peers" // operator indexes
	keyResult      attribute.Key = "dkgsync.barrier.result"        // the result that the members attest, shortened
	keyElapsed     attribute.Key = "dkgsync.barrier.elapsed"       // seconds since this node arrived at the barrier

	keyAttempt attribute.Key = "dkgsync.attempt" // the number of the attempt, from 1

	keyBroken attribute.Key = "dkgsync.links.broken" // pairs of operator indexes, such as "1-2"

	keyOutcome    attribute.Key = "dkgsync.outcome"
	keyReconnects attribute.Key = "dkgsync.reconnects"

	keyRole      attribute.Key = "dkgsync.role"
	keyErrorType attribute.Key = "error.type"
)

// The roles of a stream. The node that opened the stream is the client.
const (
	roleClient = "client"
	roleServer = "server"
)

// The metrics and their units.
const (
	metricCeremonyDuration = "dkgsync.ceremony.duration"
	metricBarrierDuration  = "dkgsync.barrier.duration"
	metricStepDuration     = "dkgsync.step.duration"
	metricStreamDuration   = "dkgsync.stream.duration"
	metricConnectDuration  = "dkgsync.connect.duration"
	metricRTT              = "dkgsync.rtt"
	metricMessages         = "dkgsync.messages"
	metricRejections       = "dkgsync.rejections"
	metricReconnects       = "dkgsync.reconnects"
	metricStreams          = "dkgsync.streams"
	metricPeerConnected    = "dkgsync.peer.connected"
	metricStepCurrent      = "dkgsync.step.current"
	metricPeerStep         = "dkgsync.peer.step"
	metricPeerLastSeen     = "dkgsync.peer.last_seen"
	metricBarrierAge       = "dkgsync.barrier.age"
	metricBarrierMissing   = "dkgsync.barrier.missing"
	metricAttempt          = "dkgsync.attempt.current"
	metricLinksBroken      = "dkgsync.links.broken"
	metricReportsDropped   = "dkgsync.reports.dropped"

	unitSeconds    = "s"
	unitMessages   = "{message}"
	unitRequests   = "{request}"
	unitReconnects = "{reconnect}"
	unitStreams    = "{stream}"
	unitSteps      = "{step}"
	unitPeers      = "{peer}"
	unitAttempts   = "{attempt}"
	unitPairs      = "{pair}"
	unitReports    = "{report}"
	unitOne        = "1"
)

// The fields that link a log line to its trace and its span.
const (
	fieldTraceID = "trace_id"
	fieldSpanID  = "span_id"
)
