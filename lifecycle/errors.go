package lifecycle

import (
	"errors"
	"fmt"
	"strings"
)

// ErrStopped is returned when a group is not running, either because it has not started or because Stop has begun. It
// is also the cause (see [context.Cause]) of a run context that [Group.Stop] cancelled.
var ErrStopped = errors.New("the task group is not running")

// errExited is the failure of a task that called runtime.Goexit instead of returning.
var errExited = errors.New("the goroutine exited without returning")

// PanicError is the failure of a task that panicked.
type PanicError struct {
	Task  string // the name that [Group.Go] was given
	Value any    // the argument of panic
	Stack []byte // the stack of the task's goroutine at the panic
}

// Error returns a sentence with the name of the task and the value of the panic.
func (e *PanicError) Error() string { return fmt.Sprintf("task %q panicked: %v", e.Task, e.Value) }

// Unwrap returns the value of the panic if that is an error, and nil otherwise.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// StopError names the tasks that were still running when [Group.Stop] gave up.
type StopError struct {
	Tasks []string // in the order in which they were started
	Err   error    // why waiting ended: context.DeadlineExceeded or context.Canceled
}

// Error returns a sentence that lists the tasks and says why waiting ended.
func (e *StopError) Error() string {
	return fmt.Sprintf("tasks that did not end in time: %s: %v", strings.Join(e.Tasks, ", "), e.Err)
}

// Unwrap returns the context's error.
func (e *StopError) Unwrap() error { return e.Err }
