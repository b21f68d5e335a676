package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/multiformats/go-multiaddr"
	"github.com/spf13/cobra"

	"github.com/dkgsync/dkgsync/clusterfile"
	"github.com/dkgsync/dkgsync/syncmod"
)

func newDefineCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "define MEMBER...",
		Short: "Write the definition of a ceremony",
		Long: `Write the definition of a ceremony: who takes part, in operator order, and where
each one is reached. Its hash binds all of it, so every member needs the same file.

A member is NAME=ID@ADDRESS,ADDRESS: a name for people, a peer ID or an ENR (keygen
prints both), and the addresses at which the others reach it. A member that has no
addresses is reached through the relay, which must be given to every node. With "-" in
place of the members, the command reads them from standard input, one per line, and
skips blank lines and lines that begin with #.`,
		Example: `  fxapp define --out ceremony.json \
    alice=16Uiu2HAm…@/ip4/192.0.2.1/tcp/9001,/ip4/192.0.2.1/udp/9001/quic-v1 \
    bob=enr:-HW4Q…@/dns4/bob.example/tcp/9001 carol=16Uiu2HAm… dave=16Uiu2HAm…
  fxapp define --out ceremony.json - < members.txt`,
		RunE: func(cmd *cobra.Command, args []string) error {
			members, err := readMembers(args, cmd.InOrStdin())
			if err != nil {
				return err
			}
			definition, err := clusterfile.WriteDefinition(path, members)
			if err != nil {
				return flagError("out", err)
			}
			printDefinition(cmd.OutOrStdout(), path, definition)
			return nil
		},
	}
	cmd.Flags().StringVar(&path, "out", "ceremony.json", "the `file` to write; it is never overwritten")
	return cmd
}

// readMembers reads the members from the arguments, or from the lines of a text.
func readMembers(args []string, lines io.Reader) ([]syncmod.Peer, error) {
	if slices.Contains(args, "-") && len(args) > 1 {
		return nil, errors.New(`"-" stands for all members: leave the others out, or write them on standard input too`)
	}
	if !slices.Contains(args, "-") {
		return parseMembers(args, func(i int) string { return fmt.Sprintf("argument %d", i+1) })
	}
	var texts []string
	var numbers []int
	scanner := bufio.NewScanner(lines)
	for number := 1; scanner.Scan(); number++ {
		if text := strings.TrimSpace(scanner.Text()); text != "" && !strings.HasPrefix(text, "#") {
			texts, numbers = append(texts, text), append(numbers, number)
		}
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("standard input: %w", err)
	}
	return parseMembers(texts, func(i int) string { return fmt.Sprintf("standard input, line %d", numbers[i]) })
}

// parseMembers parses each text as a member. An error begins with where(i), which says which text
// is wrong.
func parseMembers(texts []string, where func(int) string) ([]syncmod.Peer, error) {
	if len(texts) == 0 {
		return nil, errors.New("no members: name each as NAME=ID@ADDRESS; fxapp define --help has an example")
	}
	members, named := make([]syncmod.Peer, len(texts)), make(map[string]int)
	for i, text := range texts {
		var err error
		if members[i], err = clusterfile.ParsePeer(text); err != nil {
			return nil, fmt.Errorf("%s: %w", where(i), err)
		}
		name := members[i].Name
		if first, ok := named[name]; ok {
			return nil, fmt.Errorf("%s: %s has the name %q too: give every member a name of its own",
				where(i), where(first), name)
		}
		named[name] = i
	}
	return members, nil
}

// printDefinition prints a definition, so that members can compare theirs.
func printDefinition(out io.Writer, path string, d syncmod.Definition) {
	_, _ = fmt.Fprintf(out, "%s: %d members, hash %x\n", path, len(d.Peers), d.Hash)
	for i, m := range d.Peers {
		where := addrText(m.Addrs)
		if where == "" {
			where = "no address: reached through a relay"
		}
		_, _ = fmt.Fprintf(out, "  operator %d  %s  %s  %s\n", i, m.Name, m.ID, where)
	}
}

// addrText returns the addresses as a list for the output. It is empty without addresses.
func addrText(addrs []multiaddr.Multiaddr) string {
	texts := make([]string, len(addrs))
	for i, addr := range addrs {
		texts[i] = addr.String()
	}
	return strings.Join(texts, ", ")
}
