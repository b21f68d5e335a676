package clusterfile

import (
	"encoding/hex"
	"encoding/json"
	"strings"
)

// kind is what a file is, as its content shows.
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

// kindOf tells what a text is. It decides by what the text has at its top, so a
// file of the right kind with a mistake in it is still of that kind.
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

// kindOfObject tells JSON objects apart by the fields that only one kind has.
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
	case has("crypto", "Crypto"): // EIP-2335, and the keystores of Ethereum accounts
		return keystore
	case has("error", "errors", "message", "detail", "statusCode"):
		return serverError
	}
	return unknown
}

// errorMessage is what a server says in its JSON error, in brackets, if
// it says it in one of the usual places.
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
