package lifecycle

import (
	"errors"
	"fmt"
	"strings"
)

// ErrStopped is returned when a group is not running: it is not started yet, or being stopped. It is also the cause
// (see [context.Cause]) of a run context that [Group.Stop] has cancelled.
var ErrStopped = errors.New("the task group is not running")

// errExited is the failure of a task that ended its goroutine (runtime.Goexit) instead of returning.
var errExited = errors.New("the goroutine exited without returning")

// PanicError is the failure of a task that panicked.
type PanicError struct {
	Task  string
	Value any    // what panic was called with
	Stack []byte // of the task's goroutine, from where it panicked
}

func (e *PanicError) Error() string { return fmt.Sprintf("task %q panicked: %v", e.Task, e.Value) }

// Unwrap returns the value of the panic if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// StopError names the tasks that had not ended when [Group.Stop] had to give up.
type StopError struct {
	Tasks []string // in the order in which they were started
	Err   error    // why waiting ended: context.DeadlineExceeded or context.Canceled
}

func (e *StopError) Error() string {
	return fmt.Sprintf("tasks that did not end in time: %s: %v", strings.Join(e.Tasks, ", "), e.Err)
}

// Unwrap returns the context's error.
func (e *StopError) Unwrap() error { return e.Err }
