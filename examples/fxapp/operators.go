package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/clusterfile"
	"github.com/dkgsync/dkgsync/syncmod"
)

// readDefinition reads a definition for the demo and refuses one that is too large. Its
// errors are for the person who named the file.
func readDefinition(path string) (syncmod.Definition, error) {
	d, err := clusterfile.ReadDefinition(path)
	if err != nil {
		return d, fmt.Errorf("--definition %w", err)
	}
	if n := len(d.Peers); n > maxNodes {
		return d, fmt.Errorf("--definition %s: it has %d operators, "+
			"but the demo runs %d to %d", path, n, minNodes, maxNodes)
	}
	return d, nil
}

// readKeys reads the keys of all operators of a definition from operator-0.key and so
// on. Each key must belong to its operator.
func readKeys(dir string, d syncmod.Definition) ([]crypto.PrivKey, error) {
	if err := isDirectory(dir); err != nil {
		return nil, fmt.Errorf("--keys %s: %w", dir, err)
	}
	keys := make([]crypto.PrivKey, len(d.Peers))
	for i, member := range d.Peers {
		path := filepath.Join(dir, fmt.Sprintf("operator-%d.key", i))
		key, err := clusterfile.ReadKey(path)
		if err != nil {
			return nil, fmt.Errorf("--keys: %w", err)
		}
		got, err := peer.IDFromPrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("--keys: %s: %w", path, err)
		}
		if got != member.ID {
			return nil, fmt.Errorf("--keys: %s: operator %d in the definition is %s, but this is the key of %s",
				path, i, member.ID, owner(d, got))
		}
		keys[i] = key
	}
	return keys, nil
}

// owner returns the operator to whom the peer ID id belongs, in words.
func owner(d syncmod.Definition, id peer.ID) string {
	for i, member := range d.Peers {
		if member.ID == id {
			return fmt.Sprintf("operator %d", i)
		}
	}
	return id.String() + ", which is not an operator of the definition"
}

// withoutPath returns the reason why a file could not be accessed. The caller has named the path
// already.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
