// Package display prints what happens to a ceremony whose nodes are all in one process:
// a line when something happens, a line when nothing does for a while, and in the end a
// timeline, drawn from the spans of the nodes, and a table.
//
// A [Report] is told by the program what its nodes do; it knows no host, and has no part
// in the ceremony. report.go has the lines, waiting.go and broken.go what is said while
// everyone waits, table.go and timeline.go the end of it.
package display
