package main

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/dkgsync/dkgsync/examples/fxapp/display"
	"github.com/dkgsync/dkgsync/examples/fxapp/view"
	"github.com/dkgsync/dkgsync/syncmod"
)

const (
	minNodes, maxNodes = 2, 64
	minSteps, maxSteps = 1, 100
	cutTime            = 15 * time.Second // with --cut, the nodes give up after this time
	killStep           = 3                // the step in which a node dies or restarts
	hastyNodes         = 16               // up to this many nodes do everything in fractions of a second
	tcp, quic          = "tcp", "quic"
	hashSize           = 32 // bytes of a definition hash
	// charonVersion is what Charon v1.11 sends as its version. The version in a
	// definition file is another one: that of the file format.
	charonVersion = "v1.11"
)

// demoFlags holds the flags of the command as given.
type demoFlags struct {
	nodes, steps     int
	transport        string
	late             time.Duration
	kill             int
	restart          int
	attempts         int
	cut              string
	differ           int
	definition, keys string
	verbose          int
	plain            bool
}

// plan is what the checked flags ask for: the ceremony, its members, and what goes
// wrong.
type plan struct {
	hash      []byte
	version   string // sent to the others; empty: the module's own
	members   []member
	steps     []string
	transport string
	late      time.Duration // delay before the last node starts
	kill      int           // operator index of the node that dies, -1: none
	restart   int           // operator index of the node whose process restarts, -1: none
	attempts  int           // the largest number of attempts
	cut       []int         // operator indexes of two nodes that cannot reach each other; nil: none
	differ    int           // operator index of the node that attests another result, -1: none
	verbose   int
}

// member is one node of the cluster, at its operator index.
type member struct {
	key  crypto.PrivKey
	id   peer.ID
	name string
}

func newDemoCommand() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a ceremony of several nodes in this process",
		Long: `Run a ceremony of several nodes in this process, each with a libp2p host of its
own on the loopback interface, and show how they stay in lockstep. Each step is
a short random wait. In the last step each node attests a digest of its result,
and all nodes get a receipt of these results. In a terminal, a demo that takes
more than a second is shown live, as one of the nodes sees it. Press ? for the keys.

Exit codes: 0 every node has completed the ceremony; 1 one has not; 2 the command
line or a file cannot be used; 130 interrupted (Ctrl-C), 143 terminated. A second
Ctrl-C ends the program at once.`,
		Example: `  fxapp demo --nodes 7 --transport quic
  fxapp demo --late 3s          # everyone waits for the last node
  fxapp demo --kill 2           # a node dies: everyone else says which one
  fxapp demo --restart 1 --attempts 3   # a node restarts: all begin again, and complete
  fxapp demo --cut 1-2          # two cannot reach each other: everyone else sees it
  fxapp demo --differ 2         # a node has another result: nobody completes
  fxapp demo --definition cluster-definition.json --keys keys`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := f.plan(cmd.Flags())
			if err != nil {
				return err
			}
			var t terminal
			if !f.plain && view.Fits(cmd.InOrStdin(), cmd.ErrOrStderr()) {
				t = terminalOf(cmd.InOrStdin(), cmd.OutOrStdout())
			}
			return runCluster(cmd.Context(), p, t, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.IntVar(&f.nodes, "nodes", 4, fmt.Sprintf("number of nodes, %d to %d", minNodes, maxNodes))
	flags.IntVar(&f.steps, "steps", 5, fmt.Sprintf("number of steps, %d to %d", minSteps, maxSteps))
	flags.StringVar(&f.transport, "transport", tcp, "tcp or quic")
	flags.DurationVar(&f.late, "late", 0, "start the last node this much later, for example 3s")
	flags.IntVar(&f.kill, "kill", -1, fmt.Sprintf("operator `index` of a node that dies in step %d", killStep))
	flags.IntVar(&f.restart, "restart", -1, fmt.Sprintf(
		"operator `index` of a node whose process restarts in step %d; needs --attempts", killStep))
	flags.IntVar(&f.attempts, "attempts", 1, "begin the ceremony at most this `number` of times: "+
		"the nodes begin again when it fails")
	flags.StringVar(&f.cut, "cut", "", fmt.Sprintf(
		"operator `indexes` of two nodes that cannot reach each other, for example 1-2; all give up after %s", cutTime))
	flags.IntVar(&f.differ, "differ", -1, "operator `index` of a node whose result differs from the others'")
	flags.StringVar(&f.definition, "definition", "",
		"run the members of this definition, a JSON `file`: Charon's, or one of this module")
	flags.StringVar(&f.keys, "keys", "", "`directory` with their keys: operator-0.key, …")
	flags.CountVarP(&f.verbose, "verbose", "v",
		"show each node's whole log instead of its warnings only; twice (-vv): at debug level")
	flags.BoolVar(&f.plain, "plain", false, "print lines instead of the live view, even in a terminal")
	for _, flag := range []string{"kill", "restart", "differ"} {
		flags.Lookup(flag).DefValue = "0" // hides the default in the help, where -1 would mean nothing to a reader
	}
	return cmd
}

// plan checks the flags and reads the files that they name. Its errors name the flag
// and the file.
func (f demoFlags) plan(given *pflag.FlagSet) (plan, error) {
	p := plan{
		transport: f.transport, late: f.late, kill: f.kill, restart: f.restart, attempts: f.attempts, differ: f.differ,
		verbose: f.verbose,
	}
	switch {
	case f.nodes < minNodes || f.nodes > maxNodes:
		return plan{}, fmt.Errorf("--nodes %d: it must be between %d and %d", f.nodes, minNodes, maxNodes)
	case f.steps < minSteps || f.steps > maxSteps:
		return plan{}, fmt.Errorf("--steps %d: it must be between %d and %d", f.steps, minSteps, maxSteps)
	case f.transport != tcp && f.transport != quic:
		return plan{}, fmt.Errorf("--transport %q: it must be %s or %s", f.transport, tcp, quic)
	case f.late < 0:
		return plan{}, fmt.Errorf("--late %s: it must not be negative", f.late)
	case f.attempts < 1:
		return plan{}, fmt.Errorf("--attempts %d: it must be at least 1", f.attempts)
	case given.Changed("kill") && f.attempts > 1:
		return plan{}, fmt.Errorf("--kill and --attempts: the others would wait for the dead node in the next attempt")
	case given.Changed("restart") && f.attempts == 1:
		return plan{}, fmt.Errorf("--restart needs --attempts 2 or more: a restart ends an attempt for every node")
	case given.Changed("restart") && given.Changed("cut"):
		return plan{}, fmt.Errorf("--restart and --cut: no node reaches step %d", killStep)
	case given.Changed("definition") && given.Changed("nodes"):
		return plan{}, fmt.Errorf("--definition and --nodes: give only one of the two")
	case given.Changed("definition") != given.Changed("keys"):
		return plan{}, fmt.Errorf("--definition and --keys: give both")
	}
	p.steps = stepNames(f.steps)
	var err error
	if given.Changed("definition") {
		err = p.readFiles(f.definition, f.keys)
	} else {
		err = p.makeUp(f.nodes)
	}
	if err != nil {
		return plan{}, err
	}
	for flag, index := range map[string]int{"kill": f.kill, "restart": f.restart, "differ": f.differ} {
		if last := len(p.members) - 1; given.Changed(flag) && (index < 0 || index > last) {
			return plan{}, fmt.Errorf("--%s %d: the operators are 0 to %d", flag, index, last)
		}
	}
	if given.Changed("cut") {
		p.cut, err = parsePair(f.cut, len(p.members))
	}
	return p, err
}

// parsePair reads the operator indexes of two nodes: "1-2".
func parsePair(text string, nodes int) ([]int, error) {
	first, second, _ := strings.Cut(text, "-")
	a, errA := strconv.Atoi(first)
	b, errB := strconv.Atoi(second)
	switch {
	case errA != nil || errB != nil || a == b:
		return nil, fmt.Errorf("--cut %q: it must be two operators, for example 1-2", text)
	case min(a, b) < 0 || max(a, b) >= nodes:
		return nil, fmt.Errorf("--cut %s: the operators are 0 to %d", text, nodes-1)
	}
	return []int{a, b}, nil
}

// readFiles makes the nodes members of the definition in a file.
func (p *plan) readFiles(definition, keys string) error {
	d, err := readDefinition(definition)
	if err != nil {
		return err
	}
	privs, err := readKeys(keys, d)
	if err != nil {
		return err
	}
	p.hash, p.version = d.Hash, charonVersion
	for i, m := range d.Peers {
		p.members = append(p.members, member{key: privs[i], id: m.ID, name: nameOf(m)})
	}
	return nil
}

// makeUp invents a ceremony with new keys and a random hash.
func (p *plan) makeUp(nodes int) error {
	p.hash = make([]byte, hashSize)
	rand.Read(p.hash)
	for i := range nodes {
		key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
		if err != nil {
			return fmt.Errorf("making a key: %w", err)
		}
		id, err := peer.IDFromPrivateKey(key)
		if err != nil {
			return fmt.Errorf("making a peer ID: %w", err)
		}
		p.members = append(p.members, member{key: key, id: id, name: memberName(i)})
	}
	return nil
}

// memberName returns alice for operator 0, and so on through the alphabet, then the
// same names with a number.
func memberName(index int) string {
	names := strings.Fields("alice bob carol dave erin frank grace heidi ivan judy kim leo mia nora " +
		"oscar peggy quinn rupert sam tina uma victor wendy xavier yara zoe")
	name := names[index%len(names)]
	if round := index / len(names); round > 0 {
		name += fmt.Sprintf("-%d", round+1)
	}
	return name
}

// stepNames returns the names of the steps of a DKG. There are five names. Further steps are
// called extra-step-6 and so on.
func stepNames(n int) []string {
	names := []string{"exchange-keys", "round-1-broadcast", "round-2-shares", "sign-deposit-data", "store-keys"}
	for len(names) < n {
		names = append(names, fmt.Sprintf("extra-step-%d", len(names)+1))
	}
	return names[:n]
}

// ceremony returns what the report needs to know of the plan.
func (p plan) ceremony() display.Ceremony {
	c := display.Ceremony{
		Hash: p.hash, Steps: p.steps, Transport: p.transport, Late: p.late, FaultStep: p.killStep(),
	}
	for _, m := range p.members {
		c.Members = append(c.Members, m.name)
	}
	return c
}

// operator names a member in a sentence: "operator 2 (carol)".
func (p plan) operator(index int) string { return p.ceremony().Operator(index) }

// isLate reports whether a node is the one that starts late.
func (p plan) isLate(node int) bool { return p.late > 0 && node == len(p.members)-1 }

// watched returns the node whose view is shown: the first one to which nothing happens.
func (p plan) watched() int {
	for i := range p.members {
		if !p.isLate(i) && p.death(i) == survives {
			return i
		}
	}
	return 0
}

// killStep returns the step in which a node dies or restarts: the third, or the last if
// there are fewer.
func (p plan) killStep() int { return min(killStep, len(p.steps)) }

// death returns what happens to the process of a node in the kill step.
func (p plan) death(node int) death {
	switch node {
	case p.kill:
		return forGood
	case p.restart:
		return restarts
	}
	return survives
}

// result returns what a node attests at the end. A real program attests a digest of
// what its work produced, such as the group's public key.
func (p plan) result(node int) []byte {
	work := append([]byte("result of "), p.hash...)
	if node == p.differ {
		work = append(work, " with a fault"...)
	}
	digest := sha256.Sum256(work)
	return digest[:]
}

// config returns the configuration of every node. When a node dies, the others should
// notice within a second. Such short times suit the loopback interface only. With many
// nodes in one process, the heartbeat and the exchange timeout keep their defaults,
// because the nodes share the CPU.
func (p plan) config() syncmod.Config {
	c := syncmod.Config{Version: p.version, Retry: syncmod.Retry{Attempts: p.attempts}}
	if p.kill < 0 {
		return c
	}
	c.PeerTimeout = 500 * time.Millisecond
	if len(p.members) <= hastyNodes {
		c.Heartbeat = 100 * time.Millisecond
		c.ExchangeTimeout = time.Second
	}
	return c
}
