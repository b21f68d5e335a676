// Package view shows a ceremony live in a terminal. Its first screen answers what an
// operator asks: whom do we wait for, is it this node, why did it fail, who was slow,
// and can this node be stopped now. Below are the members, who reaches whom, and the log.
//
// It shows the document of a [statuspage.Page], so it says what the status page says. It
// looks at the node a few times a second, and nothing in the node waits for it: a slow or
// stopped terminal misses frames, and holds back nobody.
//
// A [View] owns the terminal from [Start] to Close. What is logged meanwhile goes to its
// [Log], which Close prints, so that the terminal then holds what it would hold without
// the view.
package view
