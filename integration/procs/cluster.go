package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// nodeTimeout bounds what a node does if nothing else ends it.
const nodeTimeout = 3 * time.Minute

// cluster is a ceremony of processes: one for each member, and one for the relay.
type cluster struct {
	fxapp    string // path of the binary
	dir      string
	attempts int
	show     io.Writer
	members  []*member
	relay    relay
}

// member is one operator, with a name, a key, a directory, and one process at a time.
type member struct {
	name    string
	place   place
	id      string // peer ID
	process *process
}

// place says where a process runs, and how others reach it.
type place struct {
	listen  []string // addresses to listen on; without any, the process is firewalled
	address []string // addresses at which others find it
	start   func(*exec.Cmd) error
}

// relay is the relay's process.
type relay struct {
	place   place
	http    string // where it serves its addresses
	process *process
	at      []string // how nodes may name it: its URL, and one of its addresses
}

// prepare makes the keys and the definition, as operators do.
func (c *cluster) prepare(ctx context.Context) error {
	define := []string{"define", "--out", c.path("ceremony.json")}
	for _, m := range c.members {
		said, err := c.run(ctx, "keygen", "--key", c.path(m.name+".key"))
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(said, "peer ID")
		words := strings.Fields(rest)
		if len(words) == 0 {
			return fmt.Errorf("keygen did not print a peer ID: %q", said)
		}
		m.id = words[0]
		is := m.name + "=" + m.id
		if len(m.place.address) > 0 {
			is += "@" + strings.Join(m.place.address, ",")
		}
		define = append(define, is)
	}
	_, err := c.run(ctx, define...)
	return err
}

// run runs a command to its end, and returns its standard output.
func (c *cluster) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.fxapp, args...) //nolint:gosec // the program that is run here
	c.tell("$ fxapp %s", strings.Join(args, " "))
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		err = fmt.Errorf("fxapp %s: exit code %d: %s", args[0], exit.ExitCode(), exit.Stderr)
	}
	for line := range strings.Lines(string(out)) {
		c.tell("%s", strings.TrimRight(line, "\n"))
	}
	return string(out), err
}

// startRelay starts the relay, and waits until it can be used.
func (c *cluster) startRelay(ctx context.Context) (err error) {
	args := []string{"relay", "--key", c.path("relay.key"), "--http", c.relay.http}
	args = append(args, each("--listen", c.relay.place.listen)...)
	if c.relay.process, err = c.start(ctx, "relay", c.relay.place, args); err != nil {
		return err
	}
	page, err := c.relay.process.said.wait(ctx, "answers with the addresses")
	if err != nil {
		return err
	}
	address, err := c.relay.process.said.wait(ctx, "/p2p/")
	if err != nil {
		return err
	}
	_, url, _ := strings.Cut(page, "http://")
	url, _, _ = strings.Cut(url, " ")
	c.relay.at = []string{"http://" + url, strings.TrimSpace(address)}
	return nil
}

// startNode starts a member's process. Some members name the relay by its URL, others
// by its address.
func (c *cluster) startNode(ctx context.Context, m *member) (err error) {
	args := []string{
		"node", "--definition", c.path("ceremony.json"), "--key", c.path(m.name + ".key"),
		"--data-dir", c.path(m.name), "--attempts", strconv.Itoa(c.attempts), "--timeout", nodeTimeout.String(),
		"--relay", c.relay.at[min(len(m.place.listen), 1)],
	}
	args = append(args, each("--listen", m.place.listen)...)
	m.process, err = c.start(ctx, m.name, m.place, args)
	return err
}

// start starts a process in its place.
func (c *cluster) start(ctx context.Context, name string, p place, args []string) (*process, error) {
	c.tell("$ fxapp %s", strings.Join(args, " "))
	cmd := exec.Command(c.fxapp, args...) //nolint:gosec // the program that is run here
	return start(ctx, name, cmd, p.start, c.show)
}

// each returns the flag once for each value.
func each(flag string, values []string) []string {
	var args []string
	for _, v := range values {
		args = append(args, flag, v)
	}
	return args
}

// path returns the path of a file or directory of the ceremony.
func (c *cluster) path(name ...string) string {
	return filepath.Join(append([]string{c.dir}, name...)...)
}

// tell prints what the operators do.
func (c *cluster) tell(format string, values ...any) {
	line := strings.ReplaceAll(fmt.Sprintf(format, values...), c.dir+string(os.PathSeparator), "")
	_, _ = fmt.Fprintf(c.show, "%-6s| %s\n", "", line)
}

// stop ends the processes that still run. After a success, only the relay still runs.
func (c *cluster) stop() {
	for _, m := range c.members {
		if m.process != nil {
			m.process.kill()
			<-m.process.over
		}
	}
	if c.relay.process != nil {
		c.relay.process.kill()
		<-c.relay.process.over
	}
}
