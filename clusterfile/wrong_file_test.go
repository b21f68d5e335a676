package clusterfile_test

import (
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/clusterfile"
)

const validatorKeystore = `{"crypto": {"kdf": {"function": "scrypt"}}, "pubkey": "9612d7a7", "version": 4}`

func TestADefinitionErrorNamesTheKind(t *testing.T) {
	sample, key := read(t, charonSample), read(t, keySample)
	lock := `{"cluster_definition":` + sample + `,"distributed_validators":[],"lock_hash":"0x00"}`
	page := "it is an HTML page, not a definition: " +
		"a server's error or login page was saved in its place; download the definition again"
	for name, test := range map[string]struct{ content, want string }{
		"a lock": {lock, "it is a Charon cluster lock, the result of a ceremony: " +
			"give the definition that it was made from (cluster-definition.json)"},
		"a key":           {key, "it is a private key, not a definition: were the two files swapped?"},
		"a key with a 0X": {"0X" + key + "\r\n", "it is a private key, not a definition: were the two files swapped?"},
		"a keystore":      {validatorKeystore, "it is an encrypted keystore, not a definition: check the name"},
		"a PEM file":      {"-----BEGIN PRIVATE KEY-----\nMC4C", "it is a PEM file, not a definition: check the name"},
		"an ENR": {
			enrs(t)[0],
			"it is an ENR, not a definition: the definition has the ENRs of all operators",
		},
		"a server's page":  {"<!DOCTYPE html><title>502 Bad Gateway</title>", page},
		"a storage's page": {`<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>`, page},
		"a server's message": {
			`{"statusCode":404,"message":"Not Found","error":"x"}`,
			`it is the error message of a server ("Not Found"), not a definition: download the definition again`,
		},
		"a server's long message": {
			`{"error":"x` + strings.Repeat("ä", 100) + `"}`,
			`it is the error message of a server ("x` + strings.Repeat("ä", 39) + `…"), not a definition: ` +
				"download the definition again",
		},
		"a server's code": {
			`{"errors":[{"code":7}]}`,
			"it is the error message of a server, not a definition: download the definition again",
		},
		"UTF-16":                {"\xff\xfe" + utf16(sample), windows},
		"UTF-16 without a mark": {utf16(sample), windows},
		"big-endian UTF-16":     {"\xfe\xff\x00{\x00}", windows},
		"empty":                 {"", "it is empty: copy or make it again"},
		"nothing but spaces":    {" \r\n", "it is empty: copy or make it again"},
		"nothing but a mark":    {"\xef\xbb\xbf", "it is empty: copy or make it again"},
		"Latin-1":               {"{\"hash\":\"\",\"peers\":[{\"name\":\"Andr\xe9\"}]}", binary},
		"zeros at its end":      {sample + "\x00\x00\x00", binary},
		"a compressed file":     {"\x1f\x8b\x08\x00\x00\xff", binary},
		"a list":                {"[]", "it is not a definition: it is a JSON array"},
		"a number of lines":     {"operators: 4\n", "it is not a definition: it is not JSON"},
		"something else":        {"{}", `it is not a definition: it has neither "peers" nor "operators"`},
		"half of it": {
			sample[:400],
			"it is not valid JSON, line 16: unexpected end of JSON input; copy the file again",
		},
		"text after the end": {
			sample + "}",
			"it is not valid JSON, line 52: invalid character '}' after top-level value; copy the file again",
		},
		"larger than any": {
			strings.Repeat(" ", 16<<20+1),
			"it is larger than 16384 KiB, so it is probably the wrong file: check the name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.content)

			_, err := clusterfile.ReadDefinition(path)

			require.EqualError(t, err, path+": "+test.want)
		})
	}
}

const (
	windows = "it is UTF-16 text, which Windows PowerShell writes when output is redirected (>); save it as UTF-8"
	binary  = "it is not UTF-8 text: check the name, unpack it if it is an archive, or save it as UTF-8"
	hexKey  = "the key of a node is a file of 64 hex digits (Charon's charon-enr-private-key)"
)

func TestAKeyErrorNamesTheKind(t *testing.T) {
	sample, key := read(t, charonSample), read(t, keySample)
	range64 := "it is not a secp256k1 key: its value is out of range; " +
		"copy the file again, or make another key"
	swapped := "it is a definition, not a private key: were the two files swapped?"
	for name, test := range map[string]struct{ content, want string }{
		"a Charon definition": {sample, swapped},
		"a definition":        {own(t), swapped},
		"a lock":              {`{"lock_hash":"0x00"}`, "it is a Charon cluster lock, not a private key: " + hexKey},
		"a keystore": {
			validatorKeystore,
			"it is an encrypted keystore, as validators and accounts have, not the key of a node: " + hexKey,
		},
		"an ENR": {
			enrs(t)[0],
			"it is an ENR, the public half of a key: give the file of the private key",
		},
		"a PEM file":            {"-----BEGIN EC PRIVATE KEY-----\n" + key, "it is a PEM file: " + hexKey},
		"a server's page":       {"<html>", "it is the error page of a server, not a private key: " + hexKey},
		"UTF-16":                {"\xff\xfe" + utf16(key), windows},
		"UTF-16 without a mark": {utf16(key), windows},
		"empty":                 {"\n", "it is empty: copy or make it again"},
		"binary":                {"\x08\x02\x12\x20\x00\xff", binary},
		"not hex":               {"secret" + key, "it is not a key in hex: " + hexKey},
		"half of it":            {key[:32], "32 hex digits, but a secp256k1 key has 64: copy the file again"},
		"a digit short":         {key[:63], "63 hex digits, but a secp256k1 key has 64: copy the file again"},
		"two keys":              {key + key, "128 hex digits, but a secp256k1 key has 64: copy the file again"},
		"zero":                  {strings.Repeat("0", 64), range64},
		"above the curve":       {strings.Repeat("f", 64), range64},
		"larger than any": {
			strings.Repeat(" ", 64<<10+1),
			"it is larger than 64 KiB, so it is probably the wrong file: check the name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.content)

			_, err := clusterfile.ReadKey(path)

			require.EqualError(t, err, path+": "+test.want)
		})
	}
}

func TestAnUnreadableFileIsNamed(t *testing.T) {
	missing, dir := filepath.Join(t.TempDir(), "nowhere"), t.TempDir()
	_, noDefinition := clusterfile.ReadDefinition(missing)
	_, noKey := clusterfile.ReadKey(missing)
	_, definitionDir := clusterfile.ReadDefinition(dir)
	_, keyDir := clusterfile.ReadKey(dir)

	for _, err := range []error{noDefinition, noKey} {
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.EqualError(t, err, missing+": no such file or directory")
	}
	for _, err := range []error{definitionDir, keyDir} {
		require.EqualError(t, err, dir+": it is a directory: name the file in it")
	}
}
