package dkg

import (
	"github.com/dkgsync/dkgsync/syncmod"
)

// Store is the directory in which a node keeps its share and the receipt.
type Store struct {
	dir        string
	definition syncmod.Definition
}

// OpenStore prepares a directory for a ceremony, and makes it if it does not exist.
// It finishes what a process that died has begun: a share with the receipt beside it
// is confirmed. It refuses a directory that holds a confirmed share, anything of another
// definition, or that cannot be written to. An error is one sentence that names the
// directory, and says what to do.
func OpenStore(dir string, d syncmod.Definition) (*Store, error) {
	return &Store{dir: dir, definition: d}, nil
}

// Confirm makes the unconfirmed share of a directory the node's share, if the receipt
// is that of its ceremony: every member of the definition attested the share's group
// key. It stores the receipt beside the share. It does nothing if that has been done.
func Confirm(dir string, r *syncmod.Receipt) (*Share, error) { return nil, nil }

// ReadShare returns the confirmed share of a directory.
func ReadShare(dir string) (*Share, error) { return nil, nil }
