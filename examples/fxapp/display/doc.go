// Package display prints what happens in a ceremony whose nodes are all in one process. It
// prints a line when something happens, and a line when nothing has happened for a while. At
// the end it prints a timeline, drawn from the spans of the nodes, and a table.
//
// The program tells a [Report] what its nodes do. The report knows no host, and takes no part
// in the ceremony. report.go prints the lines, waiting.go and broken.go say who waits for
// whom, and table.go and timeline.go print the end.
package display
