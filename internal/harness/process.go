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

// Process is a member in a process of its own, which runs the test binary again. Its app
// runs from the start, with the ceremony of the whole cluster.
type Process struct {
	Index int

	t     testing.TB
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   *log
	ended chan struct{} // closed when the process has ended

	mu      sync.Mutex
	wanted  bool // the test wants the process to end
	last    Report
	changed chan struct{} // closed with the next report
}

// Report is the state of a process's ceremony.
type Report struct {
	Phase     string // as [syncmod.Phase] spells it; empty before the app has started
	Step      int64
	Connected bool     // it is connected to all members in both directions
	Passed    int64    // the last barrier that Advance returned
	Returned  string   // the error that the last command returned
	Error     string   // why the ceremony failed
	Culprit   int      // the member that the error names; -1: none
	Waiting   []string // why each other member does not accept it yet, in operator order
}

// order is what the test sends to a process when it starts.
type order struct {
	Key    []byte
	Listen string
	Hidden bool // its host does not announce its addresses
	Hash   []byte
	Peers  []memberAt
	Config syncmod.Config
}

type memberAt struct {
	Name string
	At   peer.AddrInfo
}

// Spawn starts a node as a process of its own, with the node's identity and address. It
// first closes the cluster's own host of the node. It does not wait for the process. The
// package's TestMain must call [Main].
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
	// The process has a process group of its own. If the tests die while the process is stopped, the system wakes it
	// and ends it.
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

// Kill ends the process with SIGKILL and waits until it has ended.
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

// Freeze stops the process with SIGSTOP and waits until it has stopped. Its connections
// stay open but go silent.
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

// Thaw lets a frozen process continue, with SIGCONT.
func (p *Process) Thaw() {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGCONT))
}

// Logged returns what the process has logged so far, at debug level.
func (p *Process) Logged() string { return p.log.String() }

// Advance makes the process enter its next barrier after it has carried out earlier
// commands. Advance does not wait for the barrier.
func (p *Process) Advance() {
	p.t.Helper()
	p.tell(commandAdvance)
}

// Complete makes the process enter the last barrier and then say goodbye, after it has
// carried out earlier commands. Complete does not wait for the goodbyes.
func (p *Process) Complete() {
	p.t.Helper()
	p.tell(commandComplete)
}

// Wait waits until wanted accepts a report of the process, and returns that report.
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
			require.Failf(p.t, "the process never sent the wanted report",
				"the last report of %s: %+v", Name(p.Index), last)
		}
	}
}

// tell sends a value to the process.
func (p *Process) tell(what any) {
	p.t.Helper()
	line, err := json.Marshal(what)
	require.NoError(p.t, err)
	_, err = p.stdin.Write(append(line, '\n'))
	require.NoError(p.t, err)
}

// listen reads the reports until the process ends.
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
	_, _ = io.Copy(io.Discard, stdout) // otherwise the process might wait for a reader
	_ = p.cmd.Wait()
}

// end ends the process at the end of the test, and reports unexpected ends and data
// races.
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
