// Package dkg is a real distributed key generation as the work of the steps of a
// ceremony: Pedersen's, on BLS12-381, by github.com/drand/kyber. Every member ends
// with a share of one group key. A threshold of the members, n - (n-1)/3 of n, signs
// together, and fewer learn nothing of the group's secret. Keys are in G1 and signatures
// in G2, as Ethereum has them.
//
//	store, err := dkg.OpenStore(dir, definition) // refuses a directory that holds a share
//	// …
//	fx.New(
//		fx.Provide(newHost), // host.Host
//		fx.Supply(definition, store, log),
//		dkgsync.Module,
//		dkg.Module,
//		syncmod.RunAttempts(dkg.Attempts),
//	).Run()
//
// Without fx, a [Generator] is made by [New], started before the host listens, and
// stopped after its ceremonies; [Generator.Steps] is what [syncmod.Service.Run] takes.
//
// # The phases
//
// Each step is a phase, in which every member makes one message for all others:
//
//   - exchange keys: a key to encrypt shares to, made for this attempt, and a nonce. A
//     digest of everybody's keys identifies the attempt.
//   - exchange deals: a polynomial's commitments, and a share of it for each member,
//     encrypted to the member's key.
//   - exchange responses: which deals the member was given, and that they are valid.
//     With these each member adds up its shares, writes the sum to the disk, and attests
//     the group key. The last barrier follows.
//
// Messages are fetched, not sent. A member makes its message before it announces the
// step, so once the barrier is passed, the message is there at every member. Each phase
// has a protocol of its own: a member opens a stream and reads to the end. A message has
// a limit in size, and 90 s to come; a stream that is lost in that time is opened again.
// A host serves members only.
//
// Every message is signed with the key of the peer ID, for the ceremony, the phase and
// the attempt. In its next message a member shows what it was given, with the
// signatures. So a member that gives two different deals is caught, and no member can
// accuse another of it falsely. Deals and responses name the attempt by its digest, and
// a new attempt serves nothing of an old one. A message of another attempt is refused.
//
// # What fails an attempt
//
// All members have to take part to the end: no complaint is settled, and nobody is left
// out. An attempt fails with a [*MemberError], which names the member and says what it
// did, when
//
//   - a message does not come, is too large, cannot be read, or is not signed by the member;
//   - it is of another attempt, for another threshold, or contains no valid key;
//   - a share does not fit its commitments, or a member complains about one;
//   - a member gave different messages to different members, or copied another's. Only the
//     owner can tell who copied: the error of the others names both, and is no [*MemberError].
//
// If the limits of this node's own host are why a message did not come, the error says so, and
// is no [*MemberError] either.
//
// Nearly all of these leave room for another attempt, as far as [syncmod.Config].Retry
// allows: a node that restarts gives no message, and an operator may replace a program
// that gives garbage. All members begin again together then. After a permanent error the
// node that found it stops, and the others wait for it. So only two errors are marked as
// [syncmod.Permanent]:
//
//   - Two different deals for one attempt. A process makes one deal, so the two signatures
//     prove that the dealer cheats. The operators have to talk.
//   - A share that cannot be written. The operator has to mend the disk and start the node
//     again.
//
// Two different keys of a member are no such proof: a key is signed before there is an
// attempt, and a member that restarts makes another.
//
// # Share and receipt
//
// A share counts only together with a receipt in which every member attested its group
// key. Until then it is in a file named share-KEY.unconfirmed.json, with the beginning of
// the group key. Once the last barrier is passed, the receipt is written to receipt.json,
// and the share is renamed to share.json. Files are for their owner only. They are
// written to a temporary file, synchronized, renamed, and the directory is synchronized:
// a file is there whole or not at all.
// A directory that others may write to is refused, and so is anything in the place of these
// files that is no file. A share that is not confirmed has to have the name of its group key.
//
// A member attests after it has written its share. So once any member has passed the
// last barrier, every member has its share on the disk. A node that died before it had
// the receipt uses that of another member ([Confirm]). If nobody has a receipt, no share
// counts. A failure before this node announces the last barrier removes the share. A
// later failure leaves it, because another member may have passed the barrier. An
// unconfirmed share does not stop a new attempt. When one completes, it is renamed to
// share-KEY.superseded.json, and still counts if a receipt of its key turns up: move
// share.json and receipt.json away, and confirm it.
//
// No secret is in any message, log, span or error: shares travel encrypted to their
// receiver, and [Share] prints without its secret.
//
// # What such a share is good for
//
// It is an example's, for rehearsals and for learning. The key generation is a real one,
// but a node that guards money would
//
//   - store the share in a keystore, encrypted with a password or by a hardware module,
//     and not as hex in a file that its owner can read;
//   - keep secrets in memory that is locked and wiped, and compute in constant time: here
//     they are big integers on the heap until the garbage collector takes them;
//   - have each dealer prove that it knows what it deals, and use a key generation whose
//     group key nobody can bias: in Pedersen's, a member that deals after it has seen the
//     other deals can choose among keys, though it does not learn the secret;
//   - settle complaints instead of failing, where members that misbehave are expected;
//   - verify deposits and registrations with the group key before anything is paid to it,
//     and back up the share.
package dkg
