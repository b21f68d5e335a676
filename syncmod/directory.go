package syncmod

import (
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod/internal/stream"
)

// directory is a service's open ceremonies as its server half sees them.
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
	return printable("it has not opened this ceremony yet; open there with this node: "+hashes(in), maxReason)
}

// Mismatch implements stream.Ceremonies.
func (d directory) Mismatch(in []stream.Ceremony, id peer.ID, hash []byte) {
	asked := "definition " + shortHash(hash[:min(len(hash), maxHash)])
	here, now := hashes(in), time.Now()
	for _, c := range d.svc.open() {
		if i := c.terms.Index(id); i >= 0 {
			c.report.Foreign(i, now, asked, here)
		}
	}
}

// hashes names the definitions of ceremonies.
func hashes(of []stream.Ceremony) string {
	names := make([]string, len(of))
	for i, c := range of {
		names[i] = shortHash(c.Terms().Hash)
	}
	return strings.Join(names, ", ")
}

// Stranger implements stream.Ceremonies.
func (d directory) Stranger(id peer.ID) { d.svc.telemetry.Stranger(time.Now(), id.String()) }

// Broken implements stream.Ceremonies.
func (d directory) Broken(err error) { d.svc.broken(err) }
