package clusterfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"

	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	maxDefinitionFile = 16 << 20
	minMembers        = 2
	maxMembers        = 1024
)

// ReadDefinition reads the definition of a ceremony. The file is a definition of this
// package or a cluster definition of Charon.
func ReadDefinition(path string) (syncmod.Definition, error) {
	text, err := read(path, maxDefinitionFile)
	if err != nil {
		return syncmod.Definition{}, about(path, err)
	}
	definition, err := parseDefinition(text)
	if err != nil {
		return syncmod.Definition{}, about(path, err)
	}
	return definition, nil
}

// IsCharon reports whether a file is a cluster definition of Charon. The members of
// such a definition use Charon's version on the wire. The file does not contain that
// version.
func IsCharon(path string) (bool, error) {
	text, err := read(path, maxDefinitionFile)
	if err != nil {
		return false, about(path, err)
	}
	return kindOf(text) == charonDefinition, nil
}

// WriteDefinition writes a definition of this package with the given members, in the
// given order, and returns it. It never overwrites a file. Every member must have the
// same file.
func WriteDefinition(path string, members []syncmod.Peer) (syncmod.Definition, error) {
	if err := checkMembers(members, named); err != nil {
		return syncmod.Definition{}, about(path, err)
	}
	definition := syncmod.Definition{Hash: hashOf(members), Peers: members}
	file := definitionFile{Hash: "0x" + hex.EncodeToString(definition.Hash)}
	for _, m := range members {
		entry := memberEntry{Name: m.Name, ID: m.ID.String()}
		for _, addr := range m.Addrs {
			entry.Addrs = append(entry.Addrs, addr.String())
		}
		file.Peers = append(file.Peers, entry)
	}
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(file); err != nil {
		return syncmod.Definition{}, about(path, err)
	}
	if err := create(path, content.String(), 0o644); err != nil {
		return syncmod.Definition{}, about(path, err)
	}
	return definition, nil
}

// definitionFile is a definition of this package as JSON.
type definitionFile struct {
	Hash  string        `json:"hash"`
	Peers []memberEntry `json:"peers"`
}

type memberEntry struct {
	Name  string   `json:"name,omitempty"`
	ID    string   `json:"id,omitempty"`
	ENR   string   `json:"enr,omitempty"`
	Addrs []string `json:"addrs,omitempty"`
}

func parseDefinition(text string) (syncmod.Definition, error) {
	switch kindOf(text) {
	case ownDefinition:
		return parseOwn(text)
	case charonDefinition:
		return parseCharon(text)
	case clusterLock:
		return syncmod.Definition{}, errors.New("it is a Charon cluster lock, the result of a ceremony: " +
			"give the definition that it was made from (cluster-definition.json)")
	case keystore:
		return syncmod.Definition{}, errors.New("it is an encrypted keystore, not a definition: check the name")
	case privateKey:
		return syncmod.Definition{}, errors.New("it is a private key, not a definition: were the two files swapped?")
	case pemFile:
		return syncmod.Definition{}, errors.New("it is a PEM file, not a definition: check the name")
	case nodeRecord:
		return syncmod.Definition{}, errors.New("it is an ENR, not a definition: " +
			"the definition has the ENRs of all operators")
	case webPage:
		return syncmod.Definition{}, errors.New("it is an HTML page, not a definition: " +
			"a server's error or login page was saved in its place; download the definition again")
	case serverError:
		return syncmod.Definition{}, fmt.Errorf("it is the error message of a server%s, not a definition: "+
			"download the definition again", errorMessage(text))
	}
	if err := unmarshal(text, &struct{}{}, "a definition"); err != nil {
		return syncmod.Definition{}, err
	}
	return syncmod.Definition{}, errors.New(`it is not a definition: it has neither "peers" nor "operators"`)
}

func parseOwn(text string) (syncmod.Definition, error) {
	var file definitionFile
	if err := unmarshal(text, &file, "a definition"); err != nil {
		return syncmod.Definition{}, err
	}
	if n := len(file.Peers); n > maxMembers { // check this before the costly checks
		return syncmod.Definition{}, checkCount(n)
	}
	if err := checkKnown(text, new(definitionFile)); err != nil {
		return syncmod.Definition{}, err
	}
	if err := checkKeys(text); err != nil {
		return syncmod.Definition{}, err
	}
	var members []syncmod.Peer
	for i, entry := range file.Peers {
		m, err := entry.peer()
		if err != nil {
			return syncmod.Definition{}, fmt.Errorf("peers[%d].%w", i, err)
		}
		members = append(members, m)
	}
	if err := checkMembers(members, inFile); err != nil {
		return syncmod.Definition{}, err
	}
	hash, err := parseHash("hash", file.Hash)
	if err != nil {
		return syncmod.Definition{}, err
	}
	if want := hashOf(members); !bytes.Equal(hash, want) {
		return syncmod.Definition{}, fmt.Errorf("hash: it does not match these peers, whose hash is 0x%x, "+
			"so somebody changed the file after it was made: copy it again from the member who made it, "+
			"or make a new one for all members", want)
	}
	return syncmod.Definition{Hash: hash, Peers: members}, nil
}

// peer converts one entry to a member. Its errors begin with the name of the field.
func (e memberEntry) peer() (syncmod.Peer, error) {
	m := syncmod.Peer{Name: e.Name}
	var err error
	switch {
	case e.ID == "" && e.ENR == "":
		return m, errors.New("id: it is missing, and there is no enr")
	case e.ENR != "":
		if m.ID, err = ParseENR(e.ENR); err != nil {
			return m, fmt.Errorf("enr: %w", err)
		}
	}
	if e.ID != "" {
		id, err := parseID(e.ID)
		if err != nil {
			return m, fmt.Errorf("id: %w", err)
		}
		if m.ID != "" && m.ID != id {
			return m, fmt.Errorf("id: it does not match the enr, whose ID is %s: remove one of the two", m.ID)
		}
		m.ID = id
	}
	for i, text := range e.Addrs {
		addr, err := parseAddr(text)
		if err != nil {
			return m, fmt.Errorf("addrs[%d]: %w", i, err)
		}
		m.Addrs = append(m.Addrs, addr)
	}
	return m, nil
}

// ParsePeer parses a line that describes a member, such as
//
//	alice=16Uiu2HAm…@/ip4/192.0.2.1/tcp/9001,/ip4/192.0.2.1/udp/9001/quic-v1
//
// The line contains the member's name, its peer ID or ENR, and its addresses, if any.
func ParsePeer(text string) (syncmod.Peer, error) {
	name, rest, found := strings.Cut(strings.TrimSpace(text), "=")
	if !found || name == "" {
		return syncmod.Peer{}, errors.New("a member without a name: write NAME=ID@ADDRESS")
	}
	key, addrs, _ := strings.Cut(rest, "@")
	entry := memberEntry{Name: name, ID: key}
	if strings.HasPrefix(key, enrPrefix) {
		entry.ID, entry.ENR = "", key
	}
	if addrs != "" {
		entry.Addrs = strings.Split(addrs, ",")
	}
	m, err := entry.peer()
	if err != nil {
		return syncmod.Peer{}, fmt.Errorf("member %s: %w", quote(name), err)
	}
	return m, nil
}

// parseID parses a peer ID. Like the other functions that parse text here, it keeps bad
// text out of its error, because the text may be a private key.
func parseID(text string) (peer.ID, error) {
	id, err := peer.Decode(strings.TrimSpace(text))
	if err == nil {
		_, err = id.ExtractPublicKey() // an ID that was cut off may still decode as an ID, but it contains no key
	}
	if err != nil && !errors.Is(err, peer.ErrNoPublicKey) { // an ID does not contain an RSA key
		return "", errors.New("it is not a peer ID, which looks like 16Uiu2HAm… or 12D3Koo…: copy it again")
	}
	return id, nil
}

func parseAddr(text string) (multiaddr.Multiaddr, error) {
	addr, err := multiaddr.NewMultiaddr(strings.TrimSpace(text))
	if err != nil || len(addr) == 0 {
		return nil, errors.New("it is not a multiaddr: " +
			"write it as /ip4/192.0.2.1/tcp/9001 or /dns4/node.example/tcp/9001")
	}
	return addr, nil
}

func parseHash(field, text string) ([]byte, error) {
	if text == "" {
		return nil, fmt.Errorf("%s: it is missing", field)
	}
	hash, err := hex.DecodeString(withoutHexPrefix(strings.TrimSpace(text)))
	if err != nil || len(hash) != sha256.Size {
		return nil, fmt.Errorf("%s: it is not %d bytes in hex: copy the file again", field, sha256.Size)
	}
	return hash, nil
}

// hashOf returns the hash of a definition of this package. The package comment says
// what the hash covers.
func hashOf(members []syncmod.Peer) []byte {
	b := []byte("dkgsync/definition/v1\x00")
	b = appendNumber(b, len(members))
	for _, m := range members {
		b = appendString(b, m.Name)
		b = appendString(b, string(m.ID))
		b = appendNumber(b, len(m.Addrs))
		for _, addr := range m.Addrs {
			b = appendString(b, string(addr.Bytes()))
		}
	}
	hash := sha256.Sum256(b)
	return hash[:]
}

func appendNumber(b []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

func appendString(b []byte, s string) []byte {
	return append(appendNumber(b, len(s)), s...)
}
