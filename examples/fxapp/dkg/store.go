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
	// The key in the name keeps the shares of several attempts apart.
	sharePrefix       = "share-"
	unconfirmedSuffix = ".unconfirmed.json"
	supersededSuffix  = ".superseded.json" // of an unconfirmed share, once one of another attempt is confirmed
	nameSize          = 8                  // bytes of the group key in a name
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

// supersededName is what an unconfirmed share is renamed to.
func supersededName(unconfirmed string) string {
	return strings.TrimSuffix(unconfirmed, unconfirmedSuffix) + supersededSuffix
}

// ErrHasShare is the error of [OpenStore] for a directory that holds a confirmed share.
var ErrHasShare = errors.New("it already holds a share, which is never overwritten")

// Store is the directory in which a node keeps its share and the receipt.
//
// A share counts only together with a receipt in which every member attested its group
// key. Before it attests, a member writes its share to a file whose name says that the
// share is unconfirmed. So once the last barrier is passed anywhere, every member has
// its share on its disk, and the receipt of any member confirms it.
type Store struct {
	dir         string
	definition  syncmod.Definition
	unconfirmed map[string]*Share // what an earlier process left, by the names of the files
}

// OpenStore prepares a directory for a ceremony, and makes it if it does not exist. It
// finishes what a process that died has begun: a share is confirmed if its receipt is
// there. It refuses a directory that holds a confirmed share ([ErrHasShare]), a share
// of another definition, or a receipt without its share, one that cannot be written to,
// and one that others may write to ([MakeDirectory]). An error is one sentence that names
// the directory and says what to do.
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

// Left lists the files of unconfirmed shares that earlier attempts have left. Such an
// attempt may be complete at the other members: then their receipt makes its share
// count ([Confirm]).
func (s *Store) Left() []string { return slices.Sorted(maps.Keys(s.unconfirmed)) }

// prepare makes the directory, removes what a process that died was writing, and finds
// out whether a share could be written.
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

// write writes a share that no receipt confirms yet, and returns the name of its file.
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

// path is where a file of the directory is.
func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// Confirm makes the unconfirmed share of a directory the node's share, if the receipt is
// that of its ceremony: every member attested the share's group key. It stores the
// receipt beside it, and renames the unconfirmed shares of other attempts to
// share-KEY.superseded.json. If the share has been confirmed before, it only stores a
// receipt that is missing. It returns the share.
//
// A superseded share counts for nothing and stops nothing. It is kept because a member
// that is not honest, or was started again with another directory, may hold a receipt
// of its attempt. Confirm takes such a receipt, once share.json and receipt.json have
// been moved away.
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

// ReadShare returns the confirmed share of a directory. Its receipt has to be beside it.
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

// confirmedBy tells whether a receipt is that of the share's ceremony.
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

// isOf tells whether a share is one of a definition.
func (s *Share) isOf(d syncmod.Definition) bool {
	return bytes.Equal(s.DefinitionHash, d.Hash) && slices.Equal(s.Members, ids(d))
}

// ids are the members of a definition.
func ids(d syncmod.Definition) []peer.ID {
	all := make([]peer.ID, len(d.Peers))
	for i, p := range d.Peers {
		all[i] = p.ID
	}
	return all
}
