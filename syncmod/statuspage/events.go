package statuspage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/dkgsync/dkgsync/syncmod"
)

// rendering is a document that is shared by all clients that ask within a short time.
type rendering struct {
	at   time.Time
	json []byte
}

// render returns the document of a ceremony. It writes a new document only if the last one is
// old enough. A large document is kept longer.
func (p *Page) render(id string) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if last, ok := p.rendered[id]; ok && now.Sub(last.at) < p.pause/2 {
		return last.json
	}
	content := p.renderNow(id, now)
	for other, r := range p.rendered {
		if now.Sub(r.at) >= p.pause/2 {
			delete(p.rendered, other)
		}
	}
	p.rendered[id] = rendering{now, content}
	p.pause = min(max(pace, sparse*time.Since(now)), slowest)
	return content
}

// lull returns how long changes are collected before they are sent.
func (p *Page) lull() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pause
}

func (p *Page) renderNow(id string, now time.Time) []byte {
	content, err := json.Marshal(newDocument(p.history.views(), id, now))
	if err != nil { // no field can cause an error
		return fmt.Appendf(nil, `{"version":%d,"error":%q}`, documentVersion, err)
	}
	return content
}

// asked returns the ID of the ceremony that a request asks for, or an empty string if there is
// no such ceremony.
func (p *Page) asked(r *http.Request) string {
	id := r.URL.Query().Get("ceremony")
	if !p.history.has(id) {
		return ""
	}
	return id
}

func (p *Page) serveStatus(w http.ResponseWriter, r *http.Request) {
	answer(w, http.StatusOK, "application/json", append(bytes.Clone(p.render(p.asked(r))), '\n'))
}

// serveEvents sends the document on every change, and every second because ages grow. A slow
// client gets the newest document when it is ready for one, and skips those that it missed.
func (p *Page) serveEvents(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead {
		answer(w, http.StatusOK, "text/event-stream", nil)
		return
	}
	select {
	case p.streams <- struct{}{}:
		defer func() { <-p.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		say(w, http.StatusServiceUnavailable,
			"too many clients are following the events already: ask for the path status now and then instead")
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // a proxy must pass on each event
	out := http.NewResponseController(w)
	_ = out.SetReadDeadline(time.Time{}) // the deadline of a server would end the stream
	for id := p.asked(r); ; {
		changed := p.history.change() // before the document is written
		if p.send(w, out, "data: %s\n\n", p.render(id)) != nil {
			return
		}
		if !p.awaitNews(r.Context(), changed) {
			_ = p.send(w, out, "event: end\ndata: %s\n\n", p.renderNow(id, time.Now()))
			return
		}
	}
}

func (p *Page) send(w http.ResponseWriter, out *http.ResponseController, format string, content []byte) error {
	_ = out.SetWriteDeadline(time.Now().Add(p.drop))
	if _, err := fmt.Fprintf(w, format, content); err != nil {
		return err
	}
	return out.Flush()
}

// awaitNews waits for the next change or the next full second. All clients get the same document
// at a full second. It returns false when the page is closed or the client has gone.
func (p *Page) awaitNews(ctx context.Context, changed <-chan struct{}) bool {
	now := time.Now()
	again := time.NewTimer(now.Truncate(time.Second).Add(time.Second + pace/4).Sub(now))
	defer again.Stop()
	select {
	case <-again.C:
		return true
	case <-changed:
		wait(ctx, p.ending, p.lull())
	case <-p.ending:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case <-p.ending:
		return false
	default:
		return ctx.Err() == nil
	}
}

func (p *Page) serveDiagnosis(w http.ResponseWriter, r *http.Request) {
	d := newDocument(p.history.views(), p.asked(r), time.Now())
	if d.Ceremony == nil {
		say(w, http.StatusNotFound, "no ceremony has been opened yet")
		return
	}
	answer(w, http.StatusOK, "text/plain; charset=utf-8", []byte(d.Ceremony.Diagnosis()))
}

func (p *Page) serveReceipt(w http.ResponseWriter, r *http.Request) {
	v, ok := choose(p.history.views(), p.asked(r))
	if !ok || v.receipt == nil {
		say(w, http.StatusNotFound, "there is no receipt: it comes once the last barrier is passed, "+
			"if the members attest a result")
		return
	}
	content, err := json.Marshal(v.receipt)
	if err != nil {
		say(w, http.StatusInternalServerError, "the receipt cannot be written")
		return
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="receipt-%.16x.json"`, v.def.Hash))
	answer(w, http.StatusOK, "application/json", content) // byte for byte, because a receipt has only one encoding
}

// serveReady answers that the node is ready while a ceremony or a rehearsal is open
// and no open one has failed for good.
func (p *Page) serveReady(w http.ResponseWriter, _ *http.Request) {
	status, text := http.StatusServiceUnavailable, "no ceremony is open"
	for _, v := range p.history.views() {
		switch {
		case !v.open:
		case v.status.Phase == syncmod.Failed && !v.status.Retried:
			say(w, http.StatusServiceUnavailable, "a ceremony has failed")
			return
		default:
			status, text = http.StatusOK, "ok"
		}
	}
	say(w, status, text)
}
