// Package dkg generates a key in the steps of a ceremony. It is a real distributed key
// generation: Pedersen's, on BLS12-381, by github.com/drand/kyber. Every member ends
// with a share of one group key. A threshold of the members, n - (n-1)/3 of n, can sign
// together. Fewer members learn nothing about the group's secret. Keys are in G1 and
// signatures in G2, as in Ethereum.
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
// Without fx, make a [Generator] with [New], start it before the host listens, and stop it
// after its ceremonies. Give [Generator.Steps] to [syncmod.Service.Run].
//
// # The phases
//
// Each step is a phase, in which every member makes one message for all others:
//
//   - exchange keys: a key made for this attempt, to which others encrypt shares, and a
//     nonce. A digest of everyone's keys identifies the attempt.
//   - exchange deals: the commitments of a polynomial, and a share of it for each member,
//     encrypted to the member's key.
//   - exchange responses: the deals that the member was given, and whether they are valid.
//     Each member then adds up its shares, writes the sum to the disk, and attests the
//     group key. The last barrier follows.
//
// Members fetch messages from each other. A member makes its message before it announces
// the step, so once the barrier is passed, every member's message is there. Each phase
// has a protocol of its own: a member opens a stream and reads to the end. The size of a
// message is limited. A message must arrive within 90 s; until then, a lost stream is
// opened again. A host serves only members.
//
// A member signs every message with the key of its peer ID, for the ceremony, the phase
// and the attempt. In its next message it shows what it was given, with the signatures.
// So a member that gives two different deals is caught, and no member can falsely accuse
// another of that. Deals and responses contain the digest of the attempt. A new attempt
// serves no message of an old one, and a message from another attempt is refused.
//
// # What fails an attempt
//
// All members must take part to the end. Complaints are not settled, and no member is
// excluded. An attempt fails with a [*MemberError], which names the member and says what
// it did, when
//
//   - a message does not come, is too large, cannot be read, or is not signed by the member;
//   - a message is from another attempt, is for another threshold, or contains an invalid key;
//   - a share does not fit its commitments, or a member complains about one;
//   - a member gave different messages to different members, or copied another member's
//     message. Only the member whose message was copied can tell which of the two is the copy.
//     The error of the others names both members, and is not a [*MemberError].
//
// If a message did not come because of the limits of this node's own host, the error says so.
// It is not a [*MemberError] either.
//
// After nearly all of these errors another attempt may follow, if [syncmod.Config].Retry
// allows it: a missing message may be due to a restart, and an operator may replace a
// program that sends garbage. All members then begin again together. After a permanent
// error, the node that found it stops, and the others wait for it. So only two errors of
// the steps are marked as [syncmod.Permanent]:
//
//   - Two different deals for one attempt. A process makes one deal, so the two signatures
//     prove that the dealer cheats. The operators have to talk.
//   - A share that cannot be written. The operator has to repair the disk and start the
//     node again.
//
// Two different keys of a member do not prove that it cheats: a key is signed before there
// is an attempt, and a member that restarts makes another key.
//
// # Share and receipt
//
// A share counts only together with a receipt in which every member attested its group
// key. Until then it is in a file named share-KEY.unconfirmed.json, where KEY is the
// beginning of the group key. Once the last barrier is passed, the node writes the receipt
// to receipt.json and renames the share to share.json. Only their owner can read the files.
// The node writes a temporary file, syncs it, renames it, and syncs the directory, so that
// a file is either complete or not there.
// The node refuses a directory that others may write to, and anything but a regular file
// where one of these files belongs. The name of an unconfirmed share must match its group
// key.
//
// A member attests after it has written its share. So once any member has passed the
// last barrier, every member has its share on the disk. A node that died before it had
// the receipt can use another member's receipt ([Confirm]). If nobody has a receipt, no
// share counts. If the attempt fails before this node announces the last barrier, the node
// removes the share. If it fails later, the node keeps the share, because another member
// may have passed the barrier. An unconfirmed share does not prevent a new attempt. When a
// new attempt completes, the old share is renamed to share-KEY.superseded.json. It can
// still count if a receipt for its key turns up: move share.json and receipt.json away,
// and confirm it.
//
// Messages, logs, spans and errors never contain a secret in the clear: shares are sent
// encrypted to their receiver, and [Share] prints without its secret.
//
// # What such a share is good for
//
// The share is an example for rehearsals and for learning. The key generation is a real
// one, but a node that guards money would
//
//   - store the share in a keystore, encrypted with a password or by a hardware module,
//     and not as hex in a file that its owner can read;
//   - keep secrets in memory that is locked and wiped, and compute in constant time: here
//     they are big integers on the heap until the garbage collector takes them;
//   - have each dealer prove that it knows what it deals, and use a key generation whose
//     group key nobody can bias: in Pedersen's, a member that sees the other deals before
//     it deals can choose among keys, though it does not learn the secret;
//   - settle complaints instead of failing, if members are expected to misbehave;
//   - verify deposits and registrations with the group key before anything is paid to it,
//     and back up the share.
package dkg
