package kubo_test

import (
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for something that must happen. Four daemons that
// start together on a busy machine take a while.
const patience = 3 * time.Minute

// daemon is an ipfs daemon. It starts no other processes.
type daemon struct {
	name string
	repo repo
	api  string // the URL of its RPC API, once it is ready

	t       *testing.T
	cmd     *exec.Cmd
	printed *printed
	ended   chan struct{} // closed when it has ended
}

// start starts `ipfs daemon` and does not wait for it.
func start(t *testing.T, name string, r repo) *daemon {
	t.Helper()
	d := &daemon{
		name: name, repo: r, t: t, cmd: r.command(t.Context(), "daemon"),
		printed: newPrinted(), ended: make(chan struct{}),
	}
	d.cmd.Stdout, d.cmd.Stderr = d.printed, d.printed
	require.NoError(t, d.cmd.Start())
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		<-d.ended
		if t.Failed() {
			text, _ := d.printed.read()
			t.Logf("%s printed:\n%s", name, text)
		}
	})
	return d
}

// ready waits until the daemon says that it is ready.
func (d *daemon) ready() {
	d.t.Helper()
	d.says("Daemon is ready")
	api, err := apiOf(d.repo)
	require.NoError(d.t, err)
	d.api = api
}

// says waits until the daemon has printed text that matches a regular
// expression.
func (d *daemon) says(pattern string) {
	d.t.Helper()
	wanted := regexp.MustCompile(pattern)
	late := time.After(patience)
	for {
		text, more := d.printed.read()
		if wanted.MatchString(text) {
			return
		}
		select {
		case <-more:
		case <-d.ended:
			text, _ := d.printed.read()
			require.Regexp(d.t, wanted, text, "%s has ended: %s", d.name, d.cmd.ProcessState)
			return
		case <-late:
			require.Fail(d.t, "it is never said", "%s does not print %q", d.name, pattern)
		}
	}
}

// terminate sends SIGTERM to all daemons, and waits until each has ended by itself.
func terminate(t *testing.T, daemons ...*daemon) {
	t.Helper()
	for _, d := range daemons {
		require.NoError(t, d.cmd.Process.Signal(syscall.SIGTERM))
	}
	const prompt = 30 * time.Second // on a busy machine; usually it takes a fraction of a second
	late := time.After(prompt)
	for _, d := range daemons {
		select {
		case <-d.ended:
			require.True(t, d.cmd.ProcessState.Success(), "%s: %s", d.name, d.cmd.ProcessState)
		case <-late:
			require.Fail(t, "it does not stop", "%s still runs %s after SIGTERM", d.name, prompt)
		}
	}
}

// kill ends the daemon with SIGKILL.
func (d *daemon) kill() {
	d.t.Helper()
	require.NoError(d.t, d.cmd.Process.Kill())
	<-d.ended
}

// printed holds what a daemon has printed so far.
type printed struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // closed when there is more
}

func newPrinted() *printed { return &printed{more: make(chan struct{})} }

func (p *printed) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.more)
	p.more = make(chan struct{})
	return p.text.Write(b)
}

func (p *printed) read() (text string, more <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String(), p.more
}
