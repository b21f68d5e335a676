// Package statuspage is a web page that shows the ceremonies of a [syncmod.Service] live.
// It answers five questions at first sight: whom do we wait for, is it this node, why did it
// fail, who was slow, and can this node be stopped now.
//
// An fx program serves it with an option, which stands before dkgsync.Module so that the
// page is there before the ceremony and until its end:
//
//	fx.New(
//		statuspage.Serve("127.0.0.1:8080"),
//		dkgsync.Module,
//		…
//	)
//
// Other programs mount the handler that [New] returns where they like:
//
//	page := statuspage.New(service)
//	defer page.Close()
//	mux.Handle("/dkg/", http.StripPrefix("/dkg", page))
//
// A display other than a browser shows what [Page.Document] returns.
//
// Beside the page there are these paths:
//
//	status     the same as JSON; ?ceremony=ID chooses one, by default the newest
//	events     the same again, whenever it changes and every second, as server-sent events
//	diagnosis  the same as text for people, to be sent to the other operators
//	receipt    the receipt of a ceremony in which members attest a result
//	metrics    what the handler of [Metrics] serves
//	healthz    200 while the program runs
//	readyz     200 while a ceremony is open and none has failed, else 503
//
// docs/statuspage.md describes the document of status and events.
//
// The page shows no secrets, but it does show addresses and peer IDs, and it asks for no
// password: let only those reach it who may see them. It answers GET and HEAD, and only
// under names that no other site can have, which are IP addresses, localhost and those of
// [Hosts]: no other page can read it through a name that resolves to the node (DNS
// rebinding). Clients are bounded, and one that does not read what it is sent is dropped.
package statuspage
