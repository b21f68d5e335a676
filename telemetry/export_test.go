package telemetry

import "context"

// FlushAll waits however long the reports take: the machine may be busy, and what
// they have written is to be read.
func (t *Telemetry) FlushAll(ctx context.Context) { t.reporter.flush(ctx) }

// QueueLimit is how many reports a queue holds.
const QueueLimit = queueLimit
