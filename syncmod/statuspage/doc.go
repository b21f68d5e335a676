// Package statuspage is a web page that shows the ceremonies of a [syncmod.Service] live.
// It answers five questions at a glance: whom does this node wait for, is this node the
// problem, why did the ceremony fail, who was slow, and can this node be stopped now.
//
// An fx program serves the page with an option. Put it before dkgsync.Module, so that the page
// exists before the ceremony begins and does not go away until the ceremony has ended:
//
//	fx.New(
//		statuspage.Serve("127.0.0.1:8080"),
//		dkgsync.Module,
//		…
//	)
//
// Other programs mount the handler that [New] returns on any path:
//
//	page := statuspage.New(service)
//	defer page.Close()
//	mux.Handle("/dkg/", http.StripPrefix("/dkg", page))
//
// Displays other than a browser can show what [Page.Document] returns.
//
// The page also serves these paths:
//
//	status     the page as JSON; ?ceremony=ID chooses a ceremony, by default the newest open one
//	events     the JSON of status as server-sent events, on every change and every second
//	diagnosis  the ceremony in words, for operators to send to each other
//	receipt    the receipt of a ceremony in which members attest a result
//	metrics    what the handler of [Metrics] serves
//	healthz    200 while the program runs
//	readyz     200 while a ceremony is open and no open one has failed for good, otherwise 503
//
// docs/statuspage.md describes the document that status and events return.
//
// The page shows no secrets, but it shows addresses and peer IDs. It asks for no password, so make
// it reachable only for people who may see these. It answers GET and HEAD requests. It answers a
// request only if the Host header is an IP address, localhost or a name given to [Hosts]. An
// attacker can own a name and let it resolve to this machine, but the page does not accept that
// name. So no other page can read it through a name that resolves to the node (DNS rebinding). The
// number of clients is limited. A client is dropped if it does not read what it is sent.
package statuspage
