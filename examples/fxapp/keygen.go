package main

import (
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/spf13/cobra"

	"github.com/dkgsync/dkgsync/clusterfile"
)

const defaultKey = "dkg.key"

func newKeygenCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "keygen",
		Short: "Make the key of a node, and print its peer ID and ENR",
		Long: `Make the key of a node, and print its peer ID and its ENR. The file is for this
node only (mode 0600), and is never overwritten. Give the peer ID or the ENR to the
person who writes the definition: either will do.

The file has the format of Charon's charon-enr-private-key.`,
		Example: `  fxapp keygen
  fxapp keygen --key /etc/dkg/alice.key`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkKeyPath(path); err != nil {
				return err
			}
			key, err := createKey(path)
			if err != nil {
				return err
			}
			id, record, err := publicHalf(key)
			if err != nil {
				return err
			}
			cmd.Printf("peer ID  %s\nENR      %s\n", id, record)
			cmd.PrintErrf("%s: the new key; give away the peer ID or the ENR, never this file\n", path)
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "key", defaultKey, "the `file` to write")
	return cmd
}

// createKey makes a key. If the file exists, the error says whose key it has.
func createKey(path string) (crypto.PrivKey, error) {
	key, err := clusterfile.CreateKey(path)
	if !errors.Is(err, fs.ErrExist) {
		return key, flagError("key", err)
	}
	if old, readErr := clusterfile.ReadKey(path); readErr == nil {
		if id, idErr := peer.IDFromPrivateKey(old); idErr == nil {
			return nil, fmt.Errorf("--key %w; it is the key of %s", err, id)
		}
	}
	return nil, flagError("key", err)
}

// publicHalf returns what the other members need to know of a key.
func publicHalf(key crypto.PrivKey) (id peer.ID, record string, err error) {
	if id, err = peer.IDFromPrivateKey(key); err != nil {
		return "", "", err
	}
	record, err = clusterfile.ENR(key)
	return id, record, err
}

// flagError puts the flag's name before an error that begins with a file's name.
func flagError(flag string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("--%s %w", flag, err)
}

// keyDigits matches a private key as it is written in its file.
var keyDigits = regexp.MustCompile(`^(0[xX])?[0-9a-fA-F]{64}$`)

// checkKeyPath refuses a key that was given instead of a file name. The error does not repeat the
// key.
func checkKeyPath(path string) error {
	if keyDigits.MatchString(path) {
		return errors.New("--key: this is a private key, not the name of its file; " +
			"others may have seen it now: make another")
	}
	return nil
}

// shown returns a wrong argument as an error may show it: text that may be a secret is left out.
func shown(argument string) string {
	if keyDigits.MatchString(argument) {
		return "(not shown: it looks like a private key)"
	}
	return strconv.Quote(argument)
}
