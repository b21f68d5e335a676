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

// writing is the only way to write on a stream: whoever has its lock appends whole
// frames to out, and flushes them.
type writing struct {
	sync.Mutex
	to       network.Stream
	deadline deadline
	out      []byte

	failed atomic.Pointer[End] // how the stream ends because writing on it has failed
}

func (w *writing) on(to network.Stream, timeout time.Duration) {
	w.to, w.deadline = to, deadline{set: to.SetWriteDeadline, timeout: timeout}
}

// flush writes the frames of out. The lock is held.
func (w *writing) flush(now time.Time) error {
	w.deadline.renew(now)
	_, err := w.to.Write(w.out)
	w.out = w.out[:0]
	if err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	return nil
}

// fail ends the stream, whose reader then returns.
func (w *writing) fail(end End) {
	w.failed.CompareAndSwap(nil, &end)
	reset(w.to, end.code)
}

// ended says how the stream has ended by the error of a read. Writing may have failed
// before; but a write on a stream that the other side has ended fails for no reason of
// its own.
func (w *writing) ended(ctx context.Context, err error) End {
	reset, ok := errors.AsType[*network.StreamError](err)
	byThem := ok && reset.Remote || err == io.EOF //nolint:errorlint // see classify
	if end := w.failed.Load(); end != nil && !byThem {
		return *end
	}
	return classify(ctx, err)
}
