package netns

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
)

// inNamespace is set in the environment of a test process that has a network of its own.
const inNamespace = "DKGSYNC_TEST_NAMESPACE"

// Enter runs the tests of this process again, in a user namespace and a network namespace of their own, and exits
// with their exit code. In the namespaces it returns nil, with a working loopback device. It returns an error where
// namespaces are not allowed.
func Enter() error {
	if os.Getenv(inNamespace) != "" {
		if err := raiseLoopback(); err != nil {
			panic(err) // without a network the tests would show nothing
		}
		return nil
	}
	runtime.LockOSThread() // Pdeathsig applies to the thread
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
