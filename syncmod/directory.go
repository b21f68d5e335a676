package syncmod

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// directory shows a service's open ceremonies to its server half.
type directory struct{ svc *Service }

// Of implements stream.Ceremonies.
func (d directory) Of(id peer.ID) (in []stream.Ceremony, open bool, changed <-chan struct{}) {
	s := d.svc
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.ceremonies {
		if c.terms.Index(id) >= 0 {
			in = append(in, c)
		}
	}
	return in, len(s.ceremonies) > 0, s.changed
}

// NotOpen implements stream.Ceremonies.
func (d directory) NotOpen(in []stream.Ceremony) (text string) {
	if len(in) == 0 {
		return "it has not opened this ceremony yet"
	}
	return printable("it has another definition open: "+hashes(in), maxReason)
}

// Mismatch implements stream.Ceremonies. The newest ceremony reports the mismatch:
// one line is enough, and it says what else is open.
func (d directory) Mismatch(in []stream.Ceremony, id peer.ID, hash []byte) {
	asked := "definition " + shortHash(hash[:min(len(hash), maxHash)])
	for _, c := range slices.Backward(d.svc.open()) {
		if i := c.terms.Index(id); i >= 0 {
			c.report.Foreign(i, time.Now(), asked, hashes(in))
			c.update(func(time.Time) { c.roster.AsksForAnother(i) })
			return
		}
	}
}

// hashes names the definitions of ceremonies: the first few, and how many more there
// are.
func hashes(of []stream.Ceremony) string {
	const most = 8
	names := make([]string, 0, most)
	for _, c := range of[:min(len(of), most)] {
		names = append(names, shortHash(c.Terms().Hash))
	}
	text := strings.Join(names, ", ")
	if more := len(of) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Stranger implements stream.Ceremonies.
func (d directory) Stranger(id peer.ID) { d.svc.telemetry.Stranger(time.Now(), id.String()) }

// Broken implements stream.Ceremonies.
func (d directory) Broken(err error) { d.svc.broken(err) }
