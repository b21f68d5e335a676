package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/spf13/cobra"

	"github.com/dkgsync/dkgsync/clusterfile"
	"github.com/dkgsync/dkgsync/examples/fxapp/dkg"
	"github.com/dkgsync/dkgsync/syncmod"
)

const maxReceiptFile = 16 << 20 // bytes

func newVerifyCommand() *cobra.Command {
	var definition, dataDir string
	cmd := &cobra.Command{
		Use:   "verify RECEIPT",
		Short: "Verify the receipt of a ceremony, offline",
		Long: `Verify the receipt of a ceremony, offline. The command checks that each member
that attests a result has signed it, and that all results are the same. It prints
the members. With --definition it also checks that they are the members of that
definition.

With --data-dir it also checks the share in that directory. A share is confirmed once
every member has attested its group key. If a node was killed before it could
store the receipt, use the receipt of any other member: the command confirms the share
with it, and stores it beside the share.

Exit codes: 0 the receipt is good; 1 it is not good, or belongs to another ceremony;
2 the command line or a file cannot be used.`,
		Example: `  fxapp verify dkg-data/receipt.json
  fxapp verify bob/receipt.json --definition ceremony.json --data-dir alice`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("fxapp verify takes one receipt, but got %d arguments: name its file", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			receipt, err := readReceipt(args[0])
			if err != nil {
				return err
			}
			names, err := namesOf(definition, receipt)
			if err != nil {
				return err
			}
			if err := isDirectory(dataDir); dataDir != "" && err != nil {
				return fmt.Errorf("--data-dir %s: %w", dataDir, err)
			}
			printReceipt(cmd.OutOrStdout(), receipt, names)
			if dataDir == "" {
				return nil
			}
			return confirm(cmd.OutOrStdout(), dataDir, receipt)
		},
	}
	cmd.Flags().StringVar(&definition, "definition", "", "check that the receipt belongs to the "+
		"definition in this `file`")
	cmd.Flags().StringVar(&dataDir, "data-dir", "", "check the share in this `directory`, "+
		"and confirm it if it is unconfirmed")
	return cmd
}

// readReceipt reads a receipt and verifies it.
func readReceipt(path string) (*syncmod.Receipt, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxReceiptFile))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, withoutPath(err))
	}
	receipt := new(syncmod.Receipt)
	if err := isReceipt(content); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(content, receipt); err != nil {
		return nil, &failure{fmt.Errorf("%s: the receipt cannot be read: %w; copy it again", path, err)}
	}
	if err := receipt.Verify(); err != nil {
		return nil, &failure{fmt.Errorf("%s: the receipt does not verify: %w", path, err)}
	}
	return receipt, nil
}

// isReceipt returns nil for a receipt, valid or not, and otherwise an error that says
// what the file is instead. The error quotes nothing from the file, which may be
// secret.
func isReceipt(content []byte) error {
	var file struct {
		Type             string
		Peers, Operators json.RawMessage
	}
	switch err := json.Unmarshal(content, &file); {
	case len(bytes.TrimSpace(content)) == 0:
		return errors.New("it is empty: copy it again")
	case err != nil:
		return errors.New("it is not a receipt, which is a JSON object: name the receipt, or copy it again")
	case strings.HasPrefix(file.Type, "fxapp/share/"):
		return errors.New("it is a share, not a receipt: were the two files swapped?")
	case file.Peers != nil || file.Operators != nil:
		return errors.New("it is a definition, not a receipt: were the two files swapped?")
	case !strings.HasPrefix(file.Type, "dkgsync/receipt/"):
		return errors.New(`it is not a receipt: its "type" field is not that of a receipt; name the receipt`)
	}
	return nil
}

// namesOf returns the names of a receipt's members, read from the definition at path.
// The receipt must belong to that definition.
func namesOf(path string, r *syncmod.Receipt) ([]string, error) {
	names := make([]string, len(r.Members))
	if path == "" {
		return names, nil
	}
	d, err := clusterfile.ReadDefinition(path)
	if err != nil {
		return nil, flagError("definition", err)
	}
	if !bytes.Equal(d.Hash, r.DefinitionHash) {
		return nil, &failure{fmt.Errorf("the receipt belongs to another ceremony: "+
			"its definition hash is %x, that of %s is %x", r.DefinitionHash, path, d.Hash)}
	}
	same := func(a syncmod.Attestation, p syncmod.Peer) bool { return a.ID == p.ID }
	if !slices.EqualFunc(r.Members, d.Peers, same) {
		return nil, &failure{fmt.Errorf("the receipt and %s have the same hash but different members: "+
			"one of the two was changed", path)}
	}
	for i, m := range d.Peers {
		names[i] = m.Name
	}
	return names, nil
}

// printReceipt prints what each member attested.
func printReceipt(out io.Writer, r *syncmod.Receipt, names []string) {
	_, _ = fmt.Fprintf(out, "The receipt is good: the signature of every member that attests is valid, "+
		"and all of them attest the same result.\n\n"+
		"  definition hash  %x\n  finished steps   %d\n  attested result  %x\n\n",
		r.DefinitionHash, r.LastStep-1, r.Result())
	for i, m := range r.Members {
		said := "attests it"
		if m.Session == 0 {
			said = "attests nothing: a member that does not run dkgsync"
		}
		_, _ = fmt.Fprintf(out, "  operator %d  %s  %s\n", i, memberOf(names[i], m.ID), said)
	}
}

// memberOf names a member by its peer ID, and by its name if it is known.
func memberOf(name string, id peer.ID) string {
	if name == "" {
		return id.String()
	}
	return name + "  " + id.String()
}

// isDirectory returns nil if path is a directory that can be read, and the reason otherwise.
func isDirectory(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return withoutPath(err)
	}
	if !info.IsDir() {
		return errors.New("it is a file: name the directory")
	}
	return nil
}

// confirm confirms the share in a directory, if the receipt belongs to it.
func confirm(out io.Writer, dir string, r *syncmod.Receipt) error {
	unlock, err := lockDirectory(dir)
	if err != nil {
		return err
	}
	defer unlock()
	share, err := dkg.Confirm(dir, r)
	if err != nil {
		return &failure{err}
	}
	_, err = fmt.Fprintf(out, "\nThe share in %s is confirmed: it is operator %d's, "+
		"and the attested result above is its group key.\n",
		dir, share.Index)
	return err
}
