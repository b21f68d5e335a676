package netns

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
)

// inNamespace says in the environment of a test process that it has a network of its own.
const inNamespace = "DKGSYNC_TEST_NAMESPACE"

// Enter runs the tests of this process once more, in a user namespace and a network namespace of their own, and ends
// this process as they end. There it returns, with a loopback device that works. It returns an error where namespaces
// are not allowed.
func Enter() error {
	if os.Getenv(inNamespace) != "" {
		if err := raiseLoopback(); err != nil {
			panic(err) // what follows would not be what it says
		}
		return nil
	}
	runtime.LockOSThread() // Pdeathsig is about the thread
	self, err := os.Executable()
	if err != nil {
		return err
	}
	tests := exec.Command(self, os.Args[1:]...)
	tests.Env = append(os.Environ(), inNamespace+"=1")
	tests.Stdin, tests.Stdout, tests.Stderr = os.Stdin, os.Stdout, os.Stderr
	tests.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	if err := tests.Start(); err != nil {
		return fmt.Errorf("starting the tests in a network namespace: %w", err)
	}
	_ = tests.Wait()
	os.Exit(tests.ProcessState.ExitCode())
	return nil
}

func raiseLoopback() error {
	device, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("finding the loopback device: %w", err)
	}
	if err := netlink.LinkSetUp(device); err != nil {
		return fmt.Errorf("setting up the loopback device: %w", err)
	}
	return nil
}
