package reason

import (
	"errors"
	"regexp"

	"github.com/libp2p/go-libp2p/p2p/net/swarm"
)

// isRelayed reports whether the failed path runs through a relay.
func isRelayed(err error) bool {
	return contains("error opening hop stream to relay", "error opening relay circuit", "through the same relay")(err)
}

// relays are the reasons why there is no circuit through a relay.
var relays = []Row{
	{
		"the address has a relay's peer ID, but not the relay's address: put that address in front of the peer ID",
		Either,
		plain(isNowhere),
	},
	{"the host at the relay's address is not a relay", Either, plain(isNoRelay)},
	{
		"it has no reservation at the relay: its host is down, or is not connected to the relay", There,
		status("NO_RESERVATION"),
	},
	{"the relay has reached a limit: it carries no more circuits", Relay, status("RESOURCE_LIMIT_EXCEEDED")},
	{"the relay does not allow the circuit", Relay, status("PERMISSION_DENIED")},
	{"the relay cannot reach it", There, status("CONNECTION_FAILED")},
	{"the relay refuses the circuit: …", Relay, refusedByRelay},
	{"the relay cannot be reached: …", Relay, relayUnreached},
}

// toRelay returns the error of dialling the relay, if that failed.
func toRelay(err error) (*swarm.DialError, bool) { return errors.AsType[*swarm.DialError](err) }

func isNowhere(err error) bool {
	dial, ok := toRelay(err)
	return ok && errors.Is(dial.Cause, swarm.ErrNoAddresses)
}

func isNoRelay(err error) bool {
	_, dialled := toRelay(err)
	return isNotSupported(err) && !dialled
}

// status matches the answer of a relay, which libp2p keeps only as text.
func status(name string) func(members, error) (string, bool) {
	return plain(contains("error opening relay circuit: " + name))
}

var answer = regexp.MustCompile(`error opening relay circuit: (.*)|(concurrent active dial) through the same relay`)

func refusedByRelay(_ members, err error) (string, bool) {
	found := answer.FindStringSubmatch(err.Error())
	switch {
	case found == nil:
		return "", false
	case found[2] != "":
		return "another dial through it has just failed", true
	}
	return shorten(found[1], longestCause), true
}

func relayUnreached(m members, err error) (string, bool) {
	dial, ok := toRelay(err)
	if !ok || len(dial.DialErrors) == 0 {
		return direct(m, err), true
	}
	var causes []cause
	for _, e := range dial.DialErrors {
		causes = append(causes, cause{e.Address, e.Cause})
	}
	return byCause(m, direct, causes), true
}
