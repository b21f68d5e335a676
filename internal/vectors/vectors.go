// Package vectors contains the test vectors of the protocol: every byte on the streams
// between real Charon nodes. Tests load them with [Charon].
package vectors

import (
	_ "embed" // the recording
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Recording was recorded from two nodes, a client and a server. The server received both
// what a client sends and what no client should send.
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

// Exchange is what was sent in one write, and what came back before the next write.
type Exchange struct {
	Send    Bytes `json:"send_hex"`
	Receive Bytes `json:"receive_hex"`
	End     string
}

// Bytes is a sequence of bytes that the recording contains in hexadecimal.
type Bytes []byte

// UnmarshalText decodes bytes.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

//go:embed charon-v1.11.json
var charon []byte

// Charon returns the recording of Charon v1.11.
func Charon() Recording {
	var recorded Recording
	if err := json.Unmarshal(charon, &recorded); err != nil {
		panic(fmt.Sprintf("the recording of Charon: %v", err)) // the recording is part of the program
	}
	return recorded
}
