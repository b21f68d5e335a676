package stream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// writing is the only way to write on a stream. The goroutine that has its lock appends
// whole frames to out, and flushes them.
type writing struct {
	sync.Mutex
	to       network.Stream
	deadline deadline
	out      []byte

	failed atomic.Pointer[End] // how the stream ends, if writing on it failed
}

func (w *writing) on(to network.Stream, timeout time.Duration) {
	w.to, w.deadline = to, deadline{set: to.SetWriteDeadline, timeout: timeout}
}

// errFailed is returned after a write has failed. The failed write may have left a part
// of a frame on the stream. So nothing may follow, and the stream is being reset.
var errFailed = errors.New("writing on the stream has failed before")

// flush writes the frames in out. The caller holds the lock.
func (w *writing) flush(now time.Time) error {
	if w.failed.Load() != nil {
		w.out = w.out[:0]
		return errFailed
	}
	w.deadline.renew(now)
	_, err := w.to.Write(w.out)
	w.out = w.out[:0]
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// fail ends the stream. Its reader then returns.
func (w *writing) fail(end End) {
	w.failed.CompareAndSwap(nil, &end)
	reset(w.to, end.code)
}

// ended returns how the stream ended, from the error of a read. If the other side ended
// the stream, this function returns that end, even if a write failed first: the write
// failed for the same reason. Otherwise, if a write failed first, this function returns
// the end that the write noted.
func (w *writing) ended(ctx context.Context, err error) End {
	reset, ok := errors.AsType[*network.StreamError](err)
	byThem := ok && reset.Remote || err == io.EOF //nolint:errorlint // see classify
	if end := w.failed.Load(); end != nil && !byThem {
		return *end
	}
	return classify(ctx, err)
}
