// Package harness is what the tests of syncmod and those of integration share:
// clusters of nodes that are real fx apps on real hosts, networks that fail on
// command, and members that a test plays by hand.
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
// A [RawPeer] is a member, or a stranger, of which every byte is the test's:
//
//	dave := c.Raw(3)                         // on the host of a node that is not started
//	stream := dave.Open(t, c.Nodes[0].Host)
//	stream.Accepted(t, dave.Request(t, c.Define(t.Name()), harness.Step(1)))
//
// A test waits for a status or for an error, never for a time. What it does not
// stop is stopped at its end, and where it fails, it shows what every node logged.
package harness
