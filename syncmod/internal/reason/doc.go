// Package reason says in plain words why a member could not be reached or why a stream
// ended, and who can fix it.
//
// libp2p knows more than its errors seem to say: why each address failed, the code with
// which the other host reset a stream, and which scope of the resource manager was
// full. Each reason is a [Row] of [Table]. A row has the errors that it explains, the
// sentence that is shown, and who can fix it. docs/troubleshooting.md lists the same
// rows; a test compares them.
package reason
