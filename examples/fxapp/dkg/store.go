package dkg

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod"
)

// The files of a data directory.
const (
	shareName   = "share.json"
	receiptName = "receipt.json"
	// The group key in the name keeps the shares of several attempts apart.
	sharePrefix       = "share-"
	unconfirmedSuffix = ".unconfirmed.json"
	supersededSuffix  = ".superseded.json" // replaces unconfirmedSuffix once another attempt's share is confirmed
	nameSize          = 8                  // bytes of the group key that are in a name
)

func isUnconfirmed(name string) bool {
	return strings.HasPrefix(name, sharePrefix) && strings.HasSuffix(name, unconfirmedSuffix)
}

func isSuperseded(name string) bool {
	return strings.HasPrefix(name, sharePrefix) && strings.HasSuffix(name, supersededSuffix)
}

func unconfirmedName(groupKey []byte) string {
	return fmt.Sprintf("%s%x%s", sharePrefix, groupKey[:nameSize], unconfirmedSuffix)
}

// supersededName returns the new name of an unconfirmed share that is superseded.
func supersededName(unconfirmed string) string {
	return strings.TrimSuffix(unconfirmed, unconfirmedSuffix) + supersededSuffix
}

// ErrHasShare is returned by [OpenStore] for a directory that holds a confirmed share.
var ErrHasShare = errors.New("it already holds a share, which is never overwritten")

// Store is the directory in which a node keeps its share and the receipt.
//
// A share counts only together with a receipt in which every member attested its group
// key. Before a member attests, it writes its share to a file whose name says that the
// share is unconfirmed. So once any member has passed the last barrier, every member
// has its share on its disk, and any member's receipt confirms it.
type Store struct {
	dir         string
	definition  syncmod.Definition
	unconfirmed map[string]*Share // what earlier processes left, by file name
}

// OpenStore prepares a directory for a ceremony, and makes it if it does not exist. It
// finishes what a dead process began: it confirms a share whose receipt is there. It
// refuses a directory that holds a confirmed share ([ErrHasShare]), a share of another
// definition, or a receipt without its share. It also refuses a directory that it cannot
// write to, and one that others may write to ([MakeDirectory]). An error is one sentence
// that names the directory and says what to do.
//
// Two processes must not use the same directory at the same time.
func OpenStore(dir string, d syncmod.Definition) (*Store, error) {
	s := &Store{dir: dir, definition: d}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	held, err := look(dir)
	if err != nil {
		return nil, err
	}
	if held.share == nil && held.receipt != nil {
		if held, err = held.finish(); err != nil {
			return nil, err
		}
	}
	if held.share != nil {
		return nil, fmt.Errorf("data directory %s: %w: group key %s; use another directory, or move this one away",
			dir, ErrHasShare, shortKey(held.share.GroupKey))
	}
	for name, share := range held.unconfirmed {
		if !share.isOf(d) {
			return nil, fmt.Errorf("data directory %s: %s is a share of another definition: use another directory",
				dir, name)
		}
	}
	s.unconfirmed = held.unconfirmed
	return s, nil
}

// Left lists the files of unconfirmed shares that earlier attempts left. The other
// members may have completed such an attempt. Then their receipt confirms its share
// ([Confirm]).
func (s *Store) Left() []string { return slices.Sorted(maps.Keys(s.unconfirmed)) }

// prepare makes the directory, removes unfinished files of a process that died, and
// checks that a share can be written.
func (s *Store) prepare() error {
	if err := MakeDirectory(s.dir); err != nil {
		return about(s.dir, "cannot be used", err)
	}
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return about(s.dir, "cannot be read", err)
	}
	for _, entry := range entries {
		if isTemporary, _ := filepath.Match(temporary, entry.Name()); isTemporary {
			if err := removeFile(s.dir, entry.Name()); err != nil {
				return err
			}
		}
	}
	const probe, enough = ".probe", 64 << 10 // bytes: more than a share and a receipt need
	if err := writeFile(s.dir, probe, make([]byte, enough)); err != nil {
		return err
	}
	return removeFile(s.dir, probe)
}

// write writes an unconfirmed share, and returns the name of its file.
func (s *Store) write(share *Share) (name string, err error) {
	content, err := share.encode()
	if err != nil {
		return "", fmt.Errorf("writing the share: %w", err)
	}
	name = unconfirmedName(share.GroupKey)
	return name, writeFile(s.dir, name, content)
}

// remove removes an unconfirmed share.
func (s *Store) remove(name string) error { return removeFile(s.dir, name) }

// path returns the path of a file in the directory.
func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// Confirm turns the unconfirmed share in a directory into the node's share, if the
// receipt belongs to its ceremony: every member must have attested the share's group
// key. It stores the receipt beside the share, and renames the unconfirmed shares of
// other attempts to share-KEY.superseded.json. If the share is confirmed already,
// Confirm only stores the receipt if it is missing. It returns the share.
//
// A superseded share does not count and does not prevent anything. It is kept because
// another member may hold a receipt of its attempt: a dishonest member, or one that was
// started again with another directory. Confirm accepts such a receipt once share.json
// and receipt.json have been moved away.
func Confirm(dir string, r *syncmod.Receipt) (*Share, error) {
	if err := r.Verify(); err != nil {
		return nil, err
	}
	held, err := look(dir)
	if err != nil {
		return nil, err
	}
	return held.confirm(r)
}

// ReadShare returns the confirmed share of a directory. The receipt must be in the directory too.
func ReadShare(dir string) (*Share, error) {
	held, err := look(dir)
	switch {
	case err != nil:
		return nil, err
	case held.share != nil && held.receipt == nil:
		return nil, fmt.Errorf("data directory %s: the receipt of %s is missing: "+
			"confirm it with the receipt of any other member", dir, shareName)
	case held.share != nil:
		if err := held.share.confirmedBy(held.receipt); err != nil {
			return nil, fmt.Errorf("data directory %s: %s does not confirm %s: %w", dir, receiptName, shareName, err)
		}
		return held.share, nil
	case len(held.unconfirmed) > 0:
		return nil, fmt.Errorf("data directory %s: no receipt confirms the share in it: "+
			"confirm it with the receipt of any other member", dir)
	}
	return nil, fmt.Errorf("data directory %s: there is no share in it", dir)
}

// confirmedBy returns an error unless the receipt confirms the share.
func (s *Share) confirmedBy(r *syncmod.Receipt) error {
	if !bytes.Equal(r.DefinitionHash, s.DefinitionHash) {
		return errors.New("it is about another definition")
	}
	same := slices.EqualFunc(r.Members, s.Members, func(a syncmod.Attestation, id peer.ID) bool { return a.ID == id })
	if !same {
		return errors.New("it has other members")
	}
	for i, m := range r.Members {
		if m.Session == 0 {
			return fmt.Errorf("operator %d attested nothing, but every member must", i)
		}
	}
	if !bytes.Equal(r.Result(), s.GroupKey) {
		return fmt.Errorf("it attests another group key, %s", shortKey(r.Result()))
	}
	return nil
}

// isOf reports whether a share belongs to a definition.
func (s *Share) isOf(d syncmod.Definition) bool {
	return bytes.Equal(s.DefinitionHash, d.Hash) && slices.Equal(s.Members, ids(d))
}

// ids returns the peer IDs of a definition's members.
func ids(d syncmod.Definition) []peer.ID {
	all := make([]peer.ID, len(d.Peers))
	for i, p := range d.Peers {
		all[i] = p.ID
	}
	return all
}
