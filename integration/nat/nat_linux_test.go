package nat_test

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/netns"
)

var isolated error

func TestMain(m *testing.M) {
	if text := os.Getenv(task); text != "" {
		if err := play(text); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	isolated = netns.Enter()
	os.Exit(m.Run())
}

// world is an internet, with machines at its edge.
type world struct {
	t        *testing.T
	internet *netns.Namespace
	cables   int
	relay    string // the relay's addresses
	players  []*player
}

// newWorld makes an internet with a relay that nodes reach over TCP and QUIC.
func newWorld(t *testing.T) *world {
	t.Helper()
	netns.Need(t, isolated)
	w := &world{t: t, internet: netns.New(t, "internet")}
	w.internet.Forward(t)
	machine, ip, _ := w.machine("relay")
	r := w.player(machine, listenAt(ip)...)
	r.start(role{Relay: true, Listen: r.listen})
	for _, addr := range r.listen {
		w.relay += addr + "/p2p/" + r.id.String() + " "
	}
	w.players = nil
	return w
}

// machine makes a machine with a public address.
func (w *world) machine(name string) (n *netns.Namespace, ip, device string) {
	w.t.Helper()
	first := 64 + 4*w.cables
	w.cables++
	gateway, ip := fmt.Sprintf("192.0.0.%d", first+1), fmt.Sprintf("192.0.0.%d", first+2)
	n = netns.New(w.t, name)
	_, device = netns.Cable(w.t, w.internet, gateway+"/30", n, ip+"/30")
	n.Default(w.t, gateway)
	return n, ip, device
}

// behind makes a machine behind a router.
func (w *world) behind(name string, ports netns.Ports) *netns.Namespace {
	w.t.Helper()
	router, _, device := w.machine(name + "'s router")
	router.Masquerade(w.t, device, ports)
	router.Forward(w.t)
	n := netns.New(w.t, name)
	netns.Cable(w.t, router, "10.0.0.1/24", n, "10.0.0.2/24")
	n.Default(w.t, "10.0.0.1")
	return n
}

func listenAt(ip string) []string {
	return []string{"/ip4/" + ip + "/tcp/9000", "/ip4/" + ip + "/udp/9000/quic-v1"}
}

// player is a process on a machine.
type player struct {
	t       *testing.T
	machine *netns.Namespace
	key     crypto.PrivKey
	id      peer.ID
	listen  []string
	known   []string // its addresses in the definition
	stdin   io.Writer
	stdout  *bufio.Reader
}

func (w *world) player(machine *netns.Namespace, listen ...string) *player {
	w.t.Helper()
	key, _, err := crypto.GenerateSecp256k1Key(rand.Reader)
	require.NoError(w.t, err)
	id, err := peer.IDFromPrivateKey(key)
	require.NoError(w.t, err)
	p := &player{t: w.t, machine: machine, key: key, id: id, listen: listen}
	w.players = append(w.players, p)
	return p
}

func (p *player) start(r role) {
	p.t.Helper()
	var err error
	r.Key, err = p.key.Raw()
	require.NoError(p.t, err)
	text, err := json.Marshal(r)
	require.NoError(p.t, err)
	self, err := os.Executable()
	require.NoError(p.t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), task+"="+string(text))
	cmd.Stderr = p.t.Output()
	p.stdin, err = cmd.StdinPipe()
	require.NoError(p.t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(p.t, err)
	p.stdout = bufio.NewReader(stdout)
	p.machine.Start(p.t, cmd)
	require.Equal(p.t, "ready", p.hear())
}

func (p *player) hear() string {
	line, err := p.stdout.ReadString('\n')
	require.NoError(p.t, err)
	return strings.TrimSpace(line)
}

func (p *player) ask(what string) string {
	_, err := fmt.Fprintln(p.stdin, what)
	require.NoError(p.t, err)
	return p.hear()
}

// start starts all members.
func (w *world) start() {
	w.t.Helper()
	var members []member
	for _, p := range w.players {
		members = append(members, member{p.id, p.known})
	}
	for _, p := range w.players {
		p.start(role{Listen: p.listen, Relays: strings.Fields(w.relay), Members: members})
	}
}

// all makes every member do the same thing at the same time.
func (w *world) all(what string) {
	w.t.Helper()
	for _, p := range w.players {
		_, err := fmt.Fprintln(p.stdin, what)
		require.NoError(w.t, err)
	}
	for i, p := range w.players {
		require.Equal(w.t, "ok", p.hear(), "operator %d: %s", i, what)
	}
}

// paths returns how each member is connected to every other member, for example "ddd rdd
// rdd ddd".
func (w *world) paths() string {
	var all []string
	for _, p := range w.players {
		all = append(all, p.ask("paths"))
	}
	return strings.Join(all, " ")
}

// four adds four members: alice and bob behind routers, carol on the internet, and dave behind a
// firewall. The definition has only carol's address.
func (w *world) four(ports netns.Ports) {
	w.t.Helper()
	everywhere := listenAt("0.0.0.0")
	w.player(w.behind("alice", ports), everywhere...)
	w.player(w.behind("bob", ports), everywhere...)
	machine, ip, _ := w.machine("carol")
	w.player(machine, everywhere...).known = listenAt(ip)
	machine, _, device := w.machine("dave")
	machine.Firewall(w.t, device)
	w.player(machine, everywhere...)
}

func TestHolesArePunched(t *testing.T) {
	w := newWorld(t)
	w.four(netns.SamePort)
	w.start()
	w.all("connect")

	require.Eventually(t, func() bool { return w.paths() == "ddd ddd ddd ddd" }, patience, 100*time.Millisecond,
		"everyone is connected directly")

	for range 3 {
		w.all("advance")
	}
	w.all("complete")
}

// The ports of alice's and bob's routers cannot be guessed.
func TestAPairWithoutHoles(t *testing.T) {
	w := newWorld(t)
	w.four(netns.RandomPort)
	w.start()
	w.all("connect")

	for range 3 {
		w.all("advance")
	}

	require.Regexp(t, "^r.. r.. ... ...$", w.paths())
	w.all("complete")
}

// A firewalled pair that does not listen can meet only through the relay.
func TestAFirewalledPairIsRelayed(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"alice", "bob"} {
		machine, _, device := w.machine(name)
		machine.Firewall(t, device)
		w.player(machine)
	}
	machine, ip, _ := w.machine("carol")
	w.player(machine, listenAt(ip)...).known = listenAt(ip)
	w.player(w.behind("dave", netns.RandomPort), listenAt("0.0.0.0")...)
	w.start()
	w.all("connect")

	for range 3 {
		w.all("advance")
	}

	require.Regexp(t, "^r.. r.. ... ...$", w.paths())
	w.all("complete")
}

// All of them have one public address. By default libp2p accepts eight connections from an address, and a relay
// eight reservations.
func TestAClusterBehindOneRouter(t *testing.T) {
	w := newWorld(t)
	machine := w.behind("everyone", netns.RandomPort)
	for range 10 {
		w.player(machine)
	}
	w.start()
	w.all("connect")
	w.all("advance")

	require.NotContains(t, w.paths(), "d")
	w.all("complete")
}
