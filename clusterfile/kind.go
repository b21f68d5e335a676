package clusterfile

import (
	"encoding/hex"
	"encoding/json"
	"strings"
)

// kind is the kind of a file, judged by its content.
type kind int

const (
	unknown kind = iota
	ownDefinition
	charonDefinition
	clusterLock
	keystore
	serverError
	webPage
	privateKey
	pemFile
	nodeRecord
)

// kindOf returns the kind of a text. In a JSON object it looks only at the top-level
// fields, so a mistake deeper in a file does not change the file's kind.
func kindOf(text string) kind {
	switch {
	case strings.HasPrefix(text, "{"):
		return kindOfObject(text)
	case strings.HasPrefix(text, "<"):
		return webPage
	case strings.HasPrefix(text, "-----BEGIN "):
		return pemFile
	case strings.HasPrefix(text, enrPrefix):
		return nodeRecord
	}
	if raw, err := hex.DecodeString(withoutHexPrefix(text)); err == nil && len(raw) == keySize {
		return privateKey
	}
	return unknown
}

// kindOfObject returns the kind of a JSON object. Each kind has fields that no other
// kind has.
func kindOfObject(text string) kind {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &fields) != nil {
		return unknown
	}
	has := func(names ...string) bool {
		for _, name := range names {
			if _, ok := fields[name]; ok {
				return true
			}
		}
		return false
	}
	switch {
	case has("cluster_definition", "lock_hash", "distributed_validators"):
		return clusterLock
	case has("operators", "definition_hash"):
		return charonDefinition
	case has("peers", "hash"):
		return ownDefinition
	case has("crypto", "Crypto"): // a keystore of EIP-2335 or of an Ethereum account
		return keystore
	case has("error", "errors", "message", "detail", "statusCode"):
		return serverError
	}
	return unknown
}

// errorMessage returns the message in a server's JSON error, in brackets. It returns an
// empty text if the message is not in one of the usual fields.
func errorMessage(text string) string {
	var body struct {
		Error, Message, Detail any
	}
	_ = json.Unmarshal([]byte(text), &body)
	for _, said := range []any{body.Message, body.Error, body.Detail} {
		if s, ok := said.(string); ok && s != "" {
			return " (" + quote(s) + ")"
		}
	}
	return ""
}

func withoutHexPrefix(text string) string {
	if rest, ok := strings.CutPrefix(text, "0x"); ok {
		return rest
	}
	return strings.TrimPrefix(text, "0X")
}
