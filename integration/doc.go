// Package integration is the root of what tests the synchronizer together with
// things that its users' builds should not see: a real Jaeger (jaeger), a
// module outside the repository that uses the whole public API (standalone), and
// the measuring program (bench). It is a Go module of its own for that reason.
package integration
