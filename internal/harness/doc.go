// Package harness makes the clusters of the integration tests: nodes that are
// real fx apps on real hosts, on networks that fail on command.
//
// A [Cluster] is made for a test. Its hosts run at once, its nodes when the test
// starts them:
//
//	c := harness.New(t, 4, harness.Links())
//	c.Start()
//	c.Advance(c.All()...)                    // barrier 1
//	c.Link(1, 2).Freeze()                    // a fault
//	failed := c.Failure(0)                   // waits for it
//	require.Equal(t, 2, harness.Culprit(t, failed).Index)
//
// A test waits for a status or for an error, never for a time. What it does not
// stop is stopped at its end, and where it fails, it shows what every node logged.
package harness
