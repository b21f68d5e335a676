package telemetry

import (
	"time"

	"github.com/sirupsen/logrus"
)

// Refused reports that this node's host refused a member's stream.
func (c *Ceremony) Refused(peer int, at time.Time, why error) {
	c.queue(normal, "a stream that the host has no room for", func() {
		c.about(c.rooted, peer, at).WithError(why).
			Logf(c.level(peer, logrus.WarnLevel, at), "this host has no room for a stream from %s", c.who(peer))
	})
}

// Clock reports that a member's clock and this node's clock differ.
func (c *Ceremony) Clock(peer int, at time.Time, text string) {
	c.queue(normal, "a difference of clocks", func() {
		c.about(c.rooted, peer, at).Warnf("%s's clock is %s", c.who(peer), text)
	})
}
