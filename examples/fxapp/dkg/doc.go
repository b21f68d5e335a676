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
//     Behind this barrier each member adds up its shares, writes the result to the disk
//     and attests the group key. Then comes the last barrier.
//
// Messages are fetched, not sent: a message is made before the barrier of its step is
// announced, so whoever has passed the barrier finds it at every member. A member opens
// a stream, for which the phase has a protocol of its own, and reads to the end. A
// message has a limit in size, and 20 s to come, in which a stream that was lost is
// opened again. A host serves members only.
//
// Every message is signed with the key of the peer ID, for the ceremony, the phase and
// the attempt. The next message of a member tells which ones it was given, with their
// signatures: so a member that gives two different deals is caught, and nobody can say
// that another did. Deals and responses name the attempt by its digest, and a new
// attempt serves nothing of an old one: a message of another attempt is refused.
//
// # What fails an attempt
//
// All members have to be in: there is no other way on, no complaint is settled, and
// nobody is left out. An attempt fails, with a [*MemberError] that names the member, when
// a message does not come, is too large, cannot be read, is not signed by the member, is
// of another attempt or for another threshold, holds what is no key, when a share does
// not fit its commitments, when a member complains, and when two members were given
// different messages by a third.
//
// Another attempt follows nearly all of that, as far as [syncmod.Config].Retry allows.
// A restarted node is the usual reason for a missing message, and a program of another
// version, which its operator replaces, for one that cannot be read; and all members
// begin again together, whereas those that do not know of an error that is permanent
// would wait for the one that does. Two errors are marked as [syncmod.Permanent]:
//
//   - Two different deals for one attempt. A process makes one, and signs it: the two
//     signatures prove that the dealer cheats. The operators have to talk.
//   - A share that cannot be written. The operator has to mend the disk, and starts the
//     node again, for which the others wait.
//
// Two different keys of a member are not proof enough: a key is signed before there is an
// attempt, and a member that restarts has two.
//
// # Share and receipt
//
// A share counts only together with a receipt in which every member attested its group
// key. Until then it is in a file named share-KEY.unconfirmed.json, with the beginning of
// the group key. Once the last barrier is passed, the receipt is written to receipt.json,
// and the share is renamed to share.json. Files are for their owner only. They are
// written to a temporary file, synchronized, renamed, and the directory is synchronized:
// a file is there whole or not at all.
//
// A member attests after it has written its share. So once anybody has passed the last
// barrier, everybody has a share on its disk, and a node that died before it had the
// receipt is mended by that of any other member ([Confirm]). Where nobody has a receipt,
// no share counts. An attempt that fails before this node has announced the last barrier
// removes the share. A later failure leaves it, for another member may have passed the
// barrier; it does not stop a new attempt, and is removed when one completes.
//
// No secret is in any message, log, span or error: shares travel encrypted to their
// receiver, and [Share] prints without its secret.
//
// # What such a share is good for
//
// It is an example's: for rehearsals, and for learning how a ceremony is put together.
// The key generation is a real one, but a node that guards money would
//
//   - store the share in a keystore, encrypted with a password or by a hardware module,
//     and not as hex in a file that its owner can read;
//   - keep secrets in memory that is locked and wiped: those of this process stay in
//     the heap until the garbage collector takes them, as big integers, whose arithmetic
//     does not run in constant time;
//   - have each dealer prove that it knows what it deals, and use a key generation whose
//     group key nobody can bias: in Pedersen's, a member that deals after it has seen the
//     others' deals can choose among keys, though it learns none of the secret;
//   - settle complaints instead of failing, where members that misbehave are expected;
//   - verify deposits and registrations with the group key before anything is paid to it,
//     and back up the share.
package dkg
