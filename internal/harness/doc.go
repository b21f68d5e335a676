// Package harness contains what the tests of syncmod and of integration share:
// clusters of nodes that are real fx apps on real hosts, networks that fail on
// command, and members that a test plays by hand.
//
// A test makes a [Cluster]. Its hosts run at once. The test starts its nodes:
//
//	c := harness.New(t, 4, harness.Links())
//	c.Start()
//	c.Advance(c.All()...)                    // barrier 1
//	c.Link(1, 2).Freeze()                    // a fault
//	failed := c.Failure(0)                   // waits for the failure
//	require.Equal(t, 2, harness.Culprit(t, failed).Index)
//
// A [RawPeer] is a member or a stranger whose every byte the test writes:
//
//	dave := c.Raw(3)                         // on the host of a node that is not started
//	stream := dave.Open(t, c.Nodes[0].Host)
//	stream.Accepted(t, dave.Request(t, c.Define(t.Name()), harness.Step(1)))
//
// A test waits for a status or for an error, never for a time. At the end of a test,
// everything that still runs is stopped. If the test failed, the logs of all nodes are
// shown.
package harness
