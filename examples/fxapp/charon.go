package main

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// charonVersion is what Charon v1.11 says on the wire. The version in a
	// definition file is another one: the file format's.
	charonVersion = "v1.11"
	hashSize      = 32 // bytes of a definition hash
)

// charonDefinition is what a ceremony needs of Charon's cluster-definition.json.
type charonDefinition struct {
	hash    []byte
	members []peer.ID // in operator order
}

// readDefinition reads a cluster definition. Its errors are for the person who
// named the file; they begin with its path.
func readDefinition(path string) (charonDefinition, error) {
	bad := func(format string, args ...any) (charonDefinition, error) {
		return charonDefinition{}, fmt.Errorf("--definition %s: %w", path, fmt.Errorf(format, args...))
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return bad("%w", withoutPath(err))
	}
	var file struct {
		Operators []struct {
			ENR string `json:"enr"`
		} `json:"operators"`
		DefinitionHash string `json:"definition_hash"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return bad("%w", explainJSON(content, err))
	}
	if file.DefinitionHash == "" {
		return bad(`"definition_hash" is missing`)
	}
	hash, err := hex.DecodeString(strings.TrimPrefix(file.DefinitionHash, "0x"))
	if err != nil || len(hash) != hashSize {
		return bad(`"definition_hash" is not %d bytes in hex`, hashSize)
	}
	if n := len(file.Operators); n < minNodes || n > maxNodes {
		return bad("%d operators, the demo runs %d to %d", n, minNodes, maxNodes)
	}
	d := charonDefinition{hash: hash}
	seen := make(map[peer.ID]int)
	for i, o := range file.Operators {
		if o.ENR == "" {
			return bad("operator %d has no ENR", i)
		}
		id, err := peerIDFromENR(o.ENR)
		if err != nil {
			return bad("the ENR of operator %d: %w", i, err)
		}
		if first, ok := seen[id]; ok {
			return bad("operators %d and %d have the same key", first, i)
		}
		seen[id] = i
		d.members = append(d.members, id)
	}
	return d, nil
}

// readKeys reads the keys of all operators of a definition, operator-0.key and
// so on. Each has to be its operator's.
func readKeys(dir string, d charonDefinition) ([]crypto.PrivKey, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("--keys %s: %w", dir, withoutPath(err))
	} else if !info.IsDir() {
		return nil, fmt.Errorf("--keys %s: not a directory", dir)
	}
	keys := make([]crypto.PrivKey, len(d.members))
	for i, want := range d.members {
		path := filepath.Join(dir, fmt.Sprintf("operator-%d.key", i))
		key, err := readKey(path)
		if err != nil {
			return nil, fmt.Errorf("--keys: %s: %w", path, err)
		}
		got, err := peer.IDFromPrivateKey(key)
		if err != nil {
			return nil, fmt.Errorf("--keys: %s: %w", path, err)
		}
		if got != want {
			return nil, fmt.Errorf("--keys: %s: operator %d in the definition is %s, this is the key of %s",
				path, i, want, d.owner(got))
		}
		keys[i] = key
	}
	return keys, nil
}

// owner says whose peer ID this is.
func (d charonDefinition) owner(id peer.ID) string {
	for i, member := range d.members {
		if member == id {
			return fmt.Sprintf("operator %d", i)
		}
	}
	return id.String() + ", who is no operator of it"
}

// readKey reads a secp256k1 private key in hex. What is in the file stays out
// of its errors.
func readKey(path string) (crypto.PrivKey, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, withoutPath(err)
	}
	text := strings.TrimPrefix(strings.TrimSpace(string(content)), "0x")
	if text == "" {
		return nil, errors.New("it is empty")
	}
	raw, err := hex.DecodeString(text)
	if errors.Is(err, hex.ErrLength) {
		return nil, fmt.Errorf("%d hex digits, a secp256k1 key has %d", len(text), 2*secp256k1.PrivKeyBytesLen)
	}
	if err != nil {
		return nil, errors.New("not a key in hex")
	}
	if len(raw) != secp256k1.PrivKeyBytesLen {
		return nil, fmt.Errorf("%d hex digits, a secp256k1 key has %d", len(text), 2*secp256k1.PrivKeyBytesLen)
	}
	var scalar secp256k1.ModNScalar
	if overflow := scalar.SetByteSlice(raw); overflow || scalar.IsZero() {
		return nil, errors.New("not a secp256k1 key: the number is not in the range of the curve")
	}
	return crypto.UnmarshalSecp256k1PrivateKey(raw)
}

// withoutPath leaves the reason of a failed file access: its path has been said.
func withoutPath(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// explainJSON says where a file stops being JSON, or what has the wrong type.
func explainJSON(content []byte, err error) error {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := e.Field
		if field == "" {
			return fmt.Errorf("not a cluster definition: it is a JSON %s", e.Value)
		}
		return fmt.Errorf("not a cluster definition: %q is a JSON %s", field, e.Value)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		line := 1 + strings.Count(string(content[:e.Offset]), "\n")
		return fmt.Errorf("not JSON, line %d: %w", line, e)
	}
	return err
}
