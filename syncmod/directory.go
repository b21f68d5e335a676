package syncmod

import (
	"encoding/hex"
	"fmt"
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
		if c.core.terms.Index(id) >= 0 {
			in = append(in, c.core)
		}
	}
	return in, len(s.ceremonies) > 0, s.changed
}

// Refuse implements stream.Ceremonies.
func (d directory) Refuse(in []stream.Ceremony, id peer.ID, hash []byte) (text string) {
	asked := "an unidentified definition"
	if len(hash) > 0 {
		asked = "definition " + shortHash(hash[:min(len(hash), maxHash)])
	}
	here := ""
	for _, c := range in {
		if here != "" {
			here += ", "
		}
		here += shortHash(c.Terms().Hash)
	}
	now := time.Now()
	for _, c := range d.svc.Ceremonies() {
		if i := c.core.terms.Index(id); i >= 0 {
			c.core.report.Foreign(i, now, asked, here)
		}
	}
	text = fmt.Sprintf(
		"%s is not open here; open here with this member: %s: all members need the same definition", asked, here)
	return printable(text, maxReason)
}

// Stranger implements stream.Ceremonies.
func (d directory) Stranger(id peer.ID) { d.svc.telemetry.Stranger(time.Now(), id.String()) }

// Broken implements stream.Ceremonies.
func (d directory) Broken(err error) { d.svc.broken(err) }

// shortHash is how a definition is called in sentences.
func shortHash(hash []byte) string {
	const enough = 8
	if len(hash) > enough {
		return hex.EncodeToString(hash[:enough]) + "…"
	}
	return hex.EncodeToString(hash)
}
