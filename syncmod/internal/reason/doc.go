// Package reason says in plain words why a member could not be reached, why a
// stream ended, and whose it is to mend that.
//
// libp2p knows more than its errors seem to say: which address failed for what, the
// code that the other host has reset a stream with, which scope of the resource
// manager was full. Each of these is one [Row] of [Table]: what it is told by, the
// sentence that is shown, and who can mend it. docs/troubleshooting.md lists the same
// rows, which a test compares.
package reason
