package dkg

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod"
)

// These environment variables turn the test binary into a process to kill. Their values
// are its task as JSON.
const (
	asWriter = "FXAPP_DKG_AS_WRITER"
	asNode   = "FXAPP_DKG_AS_NODE"
)

// writing is the task of a process that writes the same share into one directory after
// another.
type writing struct {
	Dir     string // the parent of those directories
	Share   []byte // the content of the share's file
	Receipt *syncmod.Receipt
}

// write does the task. It returns only if it fails.
func write(w writing) error {
	share, err := parseShare(w.Share)
	if err != nil {
		return err
	}
	d := syncmod.Definition{Hash: share.DefinitionHash}
	for _, id := range share.Members {
		d.Peers = append(d.Peers, syncmod.Peer{ID: id})
	}
	for i := 0; ; i++ {
		dir := filepath.Join(w.Dir, fmt.Sprint(i))
		store, err := OpenStore(dir, d)
		if err != nil {
			return err
		}
		if _, err := store.write(share); err != nil {
			return err
		}
		fmt.Println("written", i)
		if _, err := Confirm(dir, w.Receipt); err != nil {
			return err
		}
	}
}

// process starts the test binary as a process. It returns the lines that the process prints.
func process(t *testing.T, as string, what any) (cmd *exec.Cmd, lines <-chan string) {
	t.Helper()
	text, err := json.Marshal(what)
	require.NoError(t, err)
	cmd = exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), as+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	printed := make(chan string)
	go func() {
		defer close(printed)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			printed <- scanner.Text()
		}
	}()
	return cmd, printed
}

// kill kills a process and waits for its end.
func kill(cmd *exec.Cmd, lines <-chan string) {
	_ = cmd.Process.Kill()
	for range lines {
	}
	_ = cmd.Wait()
}

// playProcess does the task if the test binary runs as such a process.
func playProcess() {
	var err error
	switch {
	case os.Getenv(asWriter) != "":
		var w writing
		if err = json.Unmarshal([]byte(os.Getenv(asWriter)), &w); err == nil {
			err = write(w)
		}
	case os.Getenv(asNode) != "":
		var m membership
		if err = json.Unmarshal([]byte(os.Getenv(asNode)), &m); err == nil {
			err = m.play()
		}
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// leftovers counts the states in which directories were left.
type leftovers struct{ nothing, unconfirmed, halfway, confirmed int }

func (l *leftovers) add(t *testing.T, f finished, dir string) {
	t.Helper()
	held, err := look(dir)
	require.NoError(t, err, "every file can be read")
	switch {
	case held.share != nil:
		l.confirmed++
		_, err := ReadShare(dir)
		require.NoError(t, err)
	case held.receipt != nil:
		l.halfway++
		_, err := OpenStore(dir, f.definition)
		require.ErrorIs(t, err, ErrHasShare, "it is finished")
		_, err = ReadShare(dir)
		require.NoError(t, err)
	case len(held.unconfirmed) > 0:
		l.unconfirmed++
		_, err := ReadShare(dir)
		require.Error(t, err, "the share does not count")
		_, err = OpenStore(dir, f.definition)
		require.NoError(t, err, "a new attempt may begin")
		_, err = Confirm(dir, f.receipt)
		require.NoError(t, err)
		_, err = ReadShare(dir)
		require.NoError(t, err)
	default:
		l.nothing++
		_, err := OpenStore(dir, f.definition)
		require.NoError(t, err)
		require.Empty(t, names(t, dir), "half a file is removed")
	}
}

func TestAKilledWriterLeavesWholeFiles(t *testing.T) {
	f := newFinished(t, 2)
	content, err := f.shares[alice].encode()
	require.NoError(t, err)
	var left leftovers
	for range 15 {
		w := writing{Dir: t.TempDir(), Share: content, Receipt: f.receipt}
		cmd, lines := process(t, asWriter, w)
		harness.Next(t, lines)
		harness.Next(t, lines) // the first directory is confirmed
		timer := time.NewTimer(time.Duration(rand.Int64N(int64(100 * time.Millisecond))))
		for running := true; running; {
			select {
			case <-lines:
			case <-timer.C:
				running = false
			}
		}
		kill(cmd, lines)
		dirs, err := os.ReadDir(w.Dir)
		require.NoError(t, err)
		for _, d := range dirs {
			left.add(t, f, filepath.Join(w.Dir, d.Name()))
		}
	}
	t.Logf("%+v", left)
	require.NotZero(t, left.confirmed)
}

// membership is the task of a process that takes part in a ceremony.
type membership struct {
	Key   []byte
	Dir   string
	Hash  []byte
	Peers []syncmod.Peer
}

// play takes part until the process is killed or the ceremony is over. It prints a line
// when it begins the step in which the share is written.
func (m membership) play() error {
	key, err := crypto.UnmarshalPrivateKey(m.Key)
	if err != nil {
		return err
	}
	h, err := libp2p.New(
		libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		return err
	}
	d := syncmod.Definition{Hash: m.Hash, Peers: m.Peers}
	store, err := OpenStore(m.Dir, d)
	if err != nil {
		return err
	}
	log := harness.Quiet()
	g, err := New(h, store, log)
	if err != nil {
		return err
	}
	if err := g.Start(); err != nil {
		return err
	}
	service, err := syncmod.NewService(h, config(1), syncmod.WithLogger(log))
	if err != nil {
		return err
	}
	if err := service.Start(context.Background()); err != nil {
		return err
	}
	_, _ = service.Run(context.Background(), d, func(c *syncmod.Ceremony) ([]syncmod.Step, error) {
		steps, err := g.Steps(c)
		if err == nil {
			last := steps[responses].Run
			steps[responses].Run = func(ctx context.Context) error {
				fmt.Println("about to write")
				return last(ctx)
			}
		}
		return steps, err
	})
	return g.Stop(context.Background())
}

func TestAReceiptMendsAKilledNode(t *testing.T) {
	for round := range 20 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			t.Logf("the other member completed: %t", killedNode(t))
		})
	}
}

// killedNode kills bob's process near the moment when it writes his share. It reports
// whether alice completed.
func killedNode(t *testing.T) (completed bool) {
	bobsKey := harness.NewKey(t)
	raw, err := crypto.MarshalPrivateKey(bobsKey)
	require.NoError(t, err)
	alicesHost := harness.NewHost(t)
	bobsID, err := peer.IDFromPrivateKey(bobsKey)
	require.NoError(t, err)
	c := &cluster{t: t, definition: harness.Define(t.Name(), alicesHost)}
	c.definition.Peers = append(c.definition.Peers, syncmod.Peer{ID: bobsID, Name: "bob"})
	node := &node{cluster: c, host: alicesHost, dir: t.TempDir(), log: new(logs)}
	ceremonies := make(chan *syncmod.Ceremony, 1)
	node.change = func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		ceremonies <- a.ceremony
		return steps
	}
	node.start(config(1))
	ctx, cancel := context.WithCancel(within(t))
	defer cancel()
	over := make(chan error, 1)
	go func() {
		_, err := node.run(ctx)
		over <- err
	}()

	m := membership{Key: raw, Dir: t.TempDir(), Hash: c.definition.Hash, Peers: c.definition.Peers}
	cmd, lines := process(t, asNode, m)
	require.Equal(t, "about to write", harness.Next(t, lines))
	// The test needs no certain moment, so this random pause cannot make it fail.
	<-time.After(time.Duration(rand.Int64N(int64(60 * time.Millisecond))))
	kill(cmd, lines)
	harness.Until(t, harness.Next(t, ceremonies), func(s syncmod.Status) bool {
		return s.Phase >= syncmod.Complete || !s.Peers[0].Inbound && !s.Peers[0].Outbound
	})
	cancel() // alice has heard everything that bob said
	err = harness.Next(t, over)
	if err != nil {
		_, err := ReadShare(m.Dir)
		require.Error(t, err, "alice has not completed: bob has no share that anything would use")
		_, err = OpenStore(m.Dir, c.definition)
		require.NoError(t, err, "bob may take part again")
		return false
	}
	own, err := ReadShare(node.dir)
	require.NoError(t, err)
	held, err := look(node.dir)
	require.NoError(t, err)
	_, err = Confirm(m.Dir, held.receipt)
	require.NoError(t, err)
	mended, err := ReadShare(m.Dir)
	require.NoError(t, err)
	requireOneKey(t, []*Share{own, mended})
	return true
}
