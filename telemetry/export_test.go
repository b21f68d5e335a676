package telemetry

import "context"

// FlushAll is Flush without its limit, for tests on a machine that is busy.
func (t *Telemetry) FlushAll(ctx context.Context) { t.reporter.flush(ctx) }

// QueueLimit is how many reports a queue holds.
const QueueLimit = queueLimit
