package harness

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// Process is a member that is a process of its own: the test binary, started once
// more. Its app runs from the start, with the ceremony of the whole cluster.
type Process struct {
	Index int

	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   *log
	ended chan struct{} // closed when it has ended

	mu      sync.Mutex
	wanted  bool // that it ends
	last    Report
	changed chan struct{} // closed with the next report
}

// Report is what a process says of its ceremony.
type Report struct {
	Phase     string // as [syncmod.Phase] spells it; empty before the app has started
	Step      int64
	Connected bool     // with everyone, both ways
	Passed    int64    // the last barrier that Advance has come back from
	Returned  string   // the error that the last command has come back with
	Error     string   // why the ceremony has failed
	Culprit   int      // whom that names; -1: nobody
	Waiting   []string // why each other member does not accept it yet, in operator order
}

// order is what a process is told when it starts.
type order struct {
	Key    []byte
	Listen string
	Hidden bool // nobody learns from its host where it is
	Hash   []byte
	Peers  []memberAt
	Config syncmod.Config
}

type memberAt struct {
	Name string
	At   peer.AddrInfo
}

// Spawn starts a node as a process of its own, with the node's identity at the
// node's place: the cluster's own host of the node is closed. It does not wait for
// the process. [Main] has to be called in the package's TestMain.
func (c *Cluster) Spawn(node int) *Process {
	c.t.Helper()
	c.Nodes[node].CloseHost()
	self, err := os.Executable()
	require.NoError(c.t, err)
	cmd := exec.Command(self)
	p := &Process{
		Index:   node,
		t:       c.t,
		cmd:     cmd,
		log:     newLog(),
		ended:   make(chan struct{}),
		changed: make(chan struct{}),
		last:    Report{Culprit: -1},
	}
	cmd.Env = append(os.Environ(), memberEnv+"=1")
	cmd.Stderr = p.log
	// In a group of its own: when the tests die, the system wakes and ends whoever is stopped there.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	p.stdin, err = cmd.StdinPipe()
	require.NoError(c.t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(c.t, err)
	require.NoError(c.t, cmd.Start())
	c.t.Cleanup(p.end)
	go p.listen(stdout)
	p.tell(c.order(node))
	return p
}

func (c *Cluster) order(node int) order {
	n := c.Nodes[node]
	key, err := crypto.MarshalPrivateKey(n.Key)
	require.NoError(c.t, err)
	def := c.Definition(node, c.t.Name())
	o := order{Key: key, Listen: n.listen, Hidden: c.settings.links, Hash: def.Hash, Config: c.settings.config}
	for _, p := range def.Peers {
		o.Peers = append(o.Peers, memberAt{Name: p.Name, At: peer.AddrInfo{ID: p.ID, Addrs: p.Addrs}})
	}
	return o
}

// Kill ends the process with SIGKILL, and waits until it is gone.
func (p *Process) Kill() {
	p.t.Helper()
	p.mu.Lock()
	p.wanted = true
	p.mu.Unlock()
	if err := p.cmd.Process.Kill(); !errors.Is(err, os.ErrProcessDone) {
		require.NoError(p.t, err)
	}
	<-p.ended
}

// Freeze stops the process with SIGSTOP, and waits until it stands still: its
// connections stay, and go silent.
func (p *Process) Freeze() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGSTOP))
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(p.cmd.Process.Pid, &status, syscall.WUNTRACED, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		require.NoError(p.t, err)
		require.True(p.t, status.Stopped(), "the process of %s has ended", Name(p.Index))
		return
	}
}

// Thaw lets a frozen process go on, with SIGCONT.
func (p *Process) Thaw() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGCONT))
}

// Logged is what the process has logged so far, at debug level.
func (p *Process) Logged() string { return p.log.String() }

// Advance has the process enter its next barrier, once it has done what it was
// told before. It does not wait for it.
func (p *Process) Advance() {
	p.t.Helper()
	p.tell(commandAdvance)
}

// Complete has the process enter the last barrier and then say goodbye, once it
// has done what it was told before. It does not wait for it.
func (p *Process) Complete() {
	p.t.Helper()
	p.tell(commandComplete)
}

// Wait waits until the process reports what is wanted, and returns that.
func (p *Process) Wait(wanted func(Report) bool) Report {
	p.t.Helper()
	patience := time.After(Patience)
	for {
		p.mu.Lock()
		last, changed := p.last, p.changed
		p.mu.Unlock()
		if wanted(last) {
			return last
		}
		select {
		case <-changed:
		case <-p.ended:
			require.Failf(p.t, "the process has ended",
				"%s: %s, its last report: %+v", Name(p.Index), p.cmd.ProcessState, last)
		case <-patience:
			require.Failf(p.t, "the process never reported what is wanted",
				"the last report of %s: %+v", Name(p.Index), last)
		}
	}
}

// tell says something to the process.
func (p *Process) tell(what any) {
	p.t.Helper()
	line, err := json.Marshal(what)
	require.NoError(p.t, err)
	_, err = p.stdin.Write(append(line, '\n'))
	require.NoError(p.t, err)
}

// listen takes the reports until the process ends.
func (p *Process) listen(stdout io.Reader) {
	defer close(p.ended)
	for reports := json.NewDecoder(stdout); ; {
		var r Report
		if reports.Decode(&r) != nil {
			break
		}
		p.mu.Lock()
		p.last = r
		close(p.changed)
		p.changed = make(chan struct{})
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, stdout) // it may not wait for a reader that has given up
	_ = p.cmd.Wait()
}

// end is the end of the test: nothing is left of the process.
func (p *Process) end() {
	select {
	case <-p.ended:
		if !p.wanted {
			p.t.Errorf("the process of %s has ended: %s", Name(p.Index), p.cmd.ProcessState)
		}
	default:
		p.Kill()
	}
	_ = p.stdin.Close()
	if strings.Contains(p.log.String(), "WARNING: DATA RACE") {
		p.t.Errorf("the process of %s has a data race", Name(p.Index))
	}
	if p.t.Failed() {
		p.t.Logf("the process of %s (operator %d) logged:\n%s", Name(p.Index), p.Index, p.log)
	}
}
