// Package view shows a ceremony live in a terminal. Its first screen answers the operator's
// questions: who are we waiting for, is it this node, why did it fail, who was slow, and can
// this node be stopped now. Below them it shows the members, the mesh of their connections,
// and the log.
//
// It shows the document of a [statuspage.Page], so it says what the status page says. It
// looks at the node a few times a second, and nothing in the node waits for it: a slow or
// stopped terminal misses frames, but delays nobody.
//
// A [View] owns the terminal from [Start] to Close. Meanwhile the node logs to its [Log].
// Close prints that log, so that the terminal then looks as it would without the view.
package view
