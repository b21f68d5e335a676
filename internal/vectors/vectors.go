// Package vectors holds the vectors of the protocol: what was said on streams
// between real Charon nodes, byte by byte. Tests load them with [Charon].
package vectors

import (
	_ "embed" // the recording
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Recording is what was recorded from two nodes: a client, and a server that was
// sent what a client would, and what no client should.
type Recording struct {
	ServerKey      Bytes      `json:"server_secp256k1_private_key_hex"`
	ClientKey      Bytes      `json:"client_secp256k1_private_key_hex"`
	ServerPeerID   string     `json:"server_peer_id"`
	ClientPeerID   string     `json:"client_peer_id"`
	DefinitionHash Bytes      `json:"definition_hash_hex"`
	ClientFrames   []Bytes    `json:"client_frames_in_order"`
	Scenarios      []Scenario `json:"server_scenarios"`
}

// Scenario is one stream to the server.
type Scenario struct {
	Name          string
	ServerVersion string `json:"server_version"`
	Exchanges     []Exchange
	Fatal         bool `json:"server_recorded_fatal_error"`
}

// Exchange is what was sent in one write, and what came back before the next.
type Exchange struct {
	Send    Bytes `json:"send_hex"`
	Receive Bytes `json:"receive_hex"`
	End     string
}

// Bytes are bytes that the recording spells in hexadecimal.
type Bytes []byte

// UnmarshalText decodes bytes.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

//go:embed charon-v1.11.json
var charon []byte

// Charon returns what was recorded from Charon v1.11.
func Charon() Recording {
	var recorded Recording
	if err := json.Unmarshal(charon, &recorded); err != nil {
		panic(fmt.Sprintf("the recording of Charon: %v", err)) // it is part of the program
	}
	return recorded
}
