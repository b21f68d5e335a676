package netns_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/integration/netns"
)

var isolated error

// task is the environment variable that turns the test binary into a process in a namespace. Its
// value is the task.
const task = "DKGSYNC_TEST_TASK"

func TestMain(m *testing.M) {
	verb, at, _ := strings.Cut(os.Getenv(task), " ")
	switch verb {
	case "serve":
		serve(at)
	case "greet":
		greet(at)
	default:
		isolated = netns.Enter()
		os.Exit(m.Run())
	}
}

// serve tells each client the address from which the client connects.
func serve(at string) {
	l, err := net.Listen("tcp", at)
	for err == nil {
		fmt.Println("ready")
		var conn net.Conn
		if conn, err = l.Accept(); err == nil {
			_, _ = fmt.Fprintln(conn, conn.RemoteAddr())
			_ = conn.Close()
		}
	}
	panic(err)
}

// greet connects to an address, and prints what the function serve says there.
func greet(at string) {
	conn, err := net.DialTimeout("tcp", at, time.Second)
	if err != nil {
		fmt.Println(err)
		return
	}
	said, _ := bufio.NewReader(conn).ReadString('\n')
	fmt.Print(said)
}

// do starts a process of this binary in a namespace, and returns the
// first line that the process prints.
func do(t *testing.T, n *netns.Namespace, what string) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), task+"="+what)
	cmd.Stderr = os.Stderr
	printed, err := cmd.StdoutPipe()
	require.NoError(t, err)
	n.Start(t, cmd)
	line, err := bufio.NewReader(printed).ReadString('\n')
	require.NoError(t, err, what)
	return strings.TrimSpace(line)
}

// home makes a machine behind a router.
func home(t *testing.T, internet *netns.Namespace) (machine, router *netns.Namespace, device string) {
	t.Helper()
	machine, router = netns.New(t, "machine"), netns.New(t, "router")
	_, device = netns.Cable(t, internet, "192.0.0.65/30", router, "192.0.0.66/30")
	netns.Cable(t, router, "10.0.0.1/24", machine, "10.0.0.2/24")
	router.Forward(t)
	router.Default(t, "192.0.0.65")
	machine.Default(t, "10.0.0.1")
	return machine, router, device
}

func TestARouterHidesAMachine(t *testing.T) {
	netns.Need(t, isolated)
	internet := netns.New(t, "internet")
	machine, router, device := home(t, internet)
	router.Masquerade(t, device, netns.SamePort)
	require.Equal(t, "ready", do(t, internet, "serve 192.0.0.65:80"))
	require.Equal(t, "ready", do(t, router, "serve 192.0.0.66:80"))

	require.Regexp(t, `^192\.0\.0\.66:`, do(t, machine, "greet 192.0.0.65:80"))
	require.Regexp(t, `i/o timeout`, do(t, internet, "greet 192.0.0.66:80"))
}

func TestAFirewallLetsNothingIn(t *testing.T) {
	netns.Need(t, isolated)
	a, b := netns.New(t, "a"), netns.New(t, "b")
	_, device := netns.Cable(t, a, "192.0.0.65/30", b, "192.0.0.66/30")
	require.Equal(t, "ready", do(t, a, "serve 192.0.0.65:80"))
	require.Equal(t, "ready", do(t, b, "serve 192.0.0.66:80"))
	require.Regexp(t, `^192\.0\.0\.65:`, do(t, a, "greet 192.0.0.66:80"))

	b.Firewall(t, device)

	require.Regexp(t, `i/o timeout`, do(t, a, "greet 192.0.0.66:80"))
	require.Regexp(t, `^192\.0\.0\.66:`, do(t, b, "greet 192.0.0.65:80"))
}
