package check_test

import (
	"fmt"
	"strings"
)

func name(i int) string { return [...]string{"alice", "bob", "carol"}[i] }

// tell adds a line to the story.
func (w *world) tell(format string, args ...any) {
	if w.story != nil {
		w.story(fmt.Sprintf(format, args...))
	}
}

// tellEvent adds an event to the story. For opened streams, openStream adds the
// line.
func (w *world) tellEvent(e event) {
	if w.story == nil {
		return
	}
	a, b := int(e.a), int(e.b)
	switch e.kind {
	case readRequest, readResponse, retry, refuse, handlerReturns, hangUp, arrive, heartbeat, lose:
		w.tellStream(e)
	case giveUpTelling:
		if s := w.nodes[a].clients[b].current; s >= 0 {
			w.tell("hang-up stream=%d", w.streams[s].id)
		}
	case openStream:
	case migrate:
		w.tell("# %s moves to another connection", name(a))
	case announce:
		w.tell("announce %s", name(a))
	case openCeremony:
		w.tell("open %s", name(a))
	case stopTelling:
		w.tell("later %s after=700ms", name(a))
	case graceEnds:
		w.tell("later %s after=5s", name(a))
	case timeout:
		w.tell("later %s after=1m", name(a))
	case finishGoodbyes:
		w.tell("finish %s", name(a))
	case closeCeremony, leave:
		w.tell("close %s", name(a))
	case restart:
		w.tell("restart %s", name(a))
	case crash:
		w.tell("crash %s", name(a))
	case giveUp:
		w.tell("abort %s", name(a))
	}
}

func (w *world) tellStream(e event) {
	st := &w.streams[e.a]
	switch e.kind {
	case readRequest:
		w.tellRequest(e.a, e.b)
	case readResponse:
		w.tellResponse(e.a)
	case retry:
		w.tell("retry stream=%d", st.id)
	case refuse:
		w.tell("refuse stream=%d", st.id)
	case handlerReturns:
		w.tell("return stream=%d", st.id)
	case hangUp:
		w.tell("hang-up stream=%d", st.id)
	case arrive:
		w.tell("arrive stream=%d", st.id)
	case heartbeat:
		w.tell("say-again stream=%d", st.id)
	case lose:
		w.tell("break stream=%d", st.id)
	}
}

// tellRequest adds a request that is about to be read.
func (w *world) tellRequest(s, k int8) {
	if w.story == nil {
		return
	}
	st := &w.streams[s]
	q := &st.requests[k]
	w.tell("read-request stream=%d step=%d addressee=%s%s", st.id, q.step, w.sessionWords(int(st.to), q.to), q.kind)
}

// tellResponse adds a response that is about to be read.
func (w *world) tellResponse(s int8) {
	if w.story == nil {
		return
	}
	st := &w.streams[s]
	a := &st.responses[0]
	text := fmt.Sprintf("read-response stream=%d session=%s", st.id, w.sessionWords(int(st.to), a.by))
	if a.waiting {
		text += " waiting"
	}
	if a.refused {
		text += " refused"
	}
	w.tell("%s%s", text, a.asked)
}

func (w *world) sessionWords(i int, process int8) string {
	if process < 0 {
		return "none"
	}
	return fmt.Sprintf("%#x", w.sessionOf(i, process))
}

func (k kind) String() string { return [...]string{"", " goodbye", " abort", " abort differ"}[k] }

// storyOf returns the events that led to a world, and what was wrong at the end.
func (x *explorer) storyOf(state uint32, last event, what string) string {
	var path []uint32
	for k := state; k != none; k = x.parents[k] {
		path = append(path, k)
	}
	var lines []string
	hear := func(line string) { lines = append(lines, line) }
	w := emptyWorld(x.config)
	w.story = hear
	w.start()
	next := emptyWorld(x.config)
	next.bench, next.story = w.bench, hear
	for k := len(path) - 2; k >= 0; k-- {
		if !x.retrace(w, next, x.prints[path[k]], &lines) {
			return "the way there is lost"
		}
	}
	if last != (event{}) {
		x.retraceWrong(w, next, what, &lines)
	}
	return format(x.config, what, lines)
}

// format writes a story in the form of the all_sides transcripts. Run with -rewrite,
// such a transcript shows the outcome.
func format(c *config, what string, lines []string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# %s\n\ncluster members=%d last=%d\n----\n", what, c.size, c.last)
	for i := range c.size {
		if c.foreign.has(i) {
			fmt.Fprintf(&text, "\nopen %s foreign\n----\n", name(i))
		} else if !c.late.has(i) {
			fmt.Fprintf(&text, "\nopen %s attests=%s\n----\n", name(i), c.resultOf(i))
		}
	}
	for _, line := range lines {
		if strings.HasPrefix(line, "#") {
			fmt.Fprintf(&text, "\n%s", line)
			continue
		}
		fmt.Fprintf(&text, "\n%s\n----\n", line)
	}
	text.WriteString("\nstatus\n----\n")
	return text.String()
}

// retrace makes the event happen that leads to a state.
func (x *explorer) retrace(w, next *world, to uint64, lines *[]string) bool {
	told := len(*lines)
	for _, e := range w.events(nil) {
		next.copyFrom(w)
		next.do(e)
		if x.print(next) == to {
			w.copyFrom(next)
			return true
		}
		*lines = (*lines)[:told]
	}
	return false
}

// retraceWrong makes the event happen that violates a property.
func (x *explorer) retraceWrong(w, next *world, what string, lines *[]string) {
	told := len(*lines)
	for _, e := range w.events(nil) {
		next.copyFrom(w)
		next.do(e)
		next.checkAll()
		if next.wrong == what {
			w.copyFrom(next)
			return
		}
		*lines = (*lines)[:told]
	}
}
