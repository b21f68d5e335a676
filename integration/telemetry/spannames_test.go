package telemetry_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/telemetry"
)

// rows returns the spans as a page would list them.
func (s *scene) rows() (list []string) {
	for _, span := range s.ended() {
		row := span.Name()
		if peer, ok := attrs(span)["peer.service"]; ok && span.SpanKind() == trace.SpanKindClient {
			row = fmt.Sprint("→ ", peer, " ", row)
		}
		list = append(list, row)
	}
	return list
}

func TestARowSaysWhatASpanIsAbout(t *testing.T) {
	s := newScene(t)
	s.everything()

	require.ElementsMatch(t, []string{
		"dkgsync.ceremony.start operator 0 (alice)",
		"→ dkg-bob dkgsync.stream",
		"→ dkg-bob dkgsync.connect",
		"dkgsync.barrier connected",
		"dkgsync.barrier deal",
		"dkgsync.barrier 2",
		"dkgsync.step deal",
		"dkgsync.barrier.waiting verify",
		"dkgsync.barrier 2",
		"→ dkg-bob dkgsync.reconnect",
		"→ dkg-bob dkgsync.reconnect",
		"dkgsync.stream from carol",
		"→ dkg-carol dkgsync.connect",
		"dkgsync.ceremony",
	}, s.rows())
}

func TestAServiceHasItsMembersName(t *testing.T) {
	require.Equal(t, "dkg-alice", telemetry.ServiceName("alice", 0))
	require.Equal(t, "dkg-2", telemetry.ServiceName("", 2))
	require.Equal(t, "dkg-3", telemetry.ServiceName(" \n", 3))
	require.Equal(t, "dkg-al ice?", telemetry.ServiceName("al\nice\x1b", 0))
}

func TestASpanNameIsOneShortLine(t *testing.T) {
	for step, want := range map[string]string{
		"deal the shares":          "deal the shares",
		"":                         "7",
		" \t ":                     "7",
		"two\nlines\r\n of it":     "two lines of it",
		"\x1b[31mred\u202e":        "?[31mred?",
		"bad \xff\xfe":             "bad ?",
		strings.Repeat("ä", 64):    strings.Repeat("ä", 64),
		strings.Repeat("ä", 65):    strings.Repeat("ä", 63) + "…",
		strings.Repeat("x", 1<<20): strings.Repeat("x", 63) + "…",
	} {
		s := newScene(t)
		c := s.opened()

		c.Step(report.Step{Step: 7, Name: step, Started: noon, Ended: after(time.Second)})
		c.Closed()

		span := s.span("dkgsync.step")
		require.Equal(t, "dkgsync.step "+want, span.Name())
		if name, ok := attrs(span)["dkgsync.step.name"]; ok {
			require.Equal(t, want, name, "an exporter loses text that is not UTF-8")
		}
	}
}

// A program may put data into the names of its steps, or have thousands of steps
// without names. That must not fill the lists of a backend.
func TestAServiceHasFewSpanNames(t *testing.T) {
	s := newScene(t)
	c := s.opened()
	defer c.Closed()
	const steps, limit = 1000, 100

	for i := range steps {
		c.Step(report.Step{Step: int64(i), Name: fmt.Sprint("share ", i), Started: noon, Ended: noon})
		c.Barrier(report.Barrier{Kind: report.BarrierStep, Step: int64(i), Started: noon, Ended: noon})
	}
	c.Step(report.Step{Step: 0, Name: "share 0", Started: noon, Ended: noon})

	names := make(map[string]int)
	for _, span := range s.ended() {
		names[span.Name()]++
	}
	require.Len(t, names, 1+2*(limit+1),
		"one name for the start, and limit + 1 each for steps and for barriers: those with a text, and the plain one")
	require.Equal(t, 2, names["dkgsync.step share 0"], "a name that was used before the limit can be used again")
	require.Equal(t, steps-limit, names["dkgsync.step"])
	require.Equal(t, steps-limit, names["dkgsync.barrier"])
}

func TestMetricsHaveNoNames(t *testing.T) {
	s := newScene(t)
	s.everything()

	for name, m := range s.metrics() {
		text := fmt.Sprintf("%+v", m.Data)
		for _, word := range []string{"deal", "verify", "alice", "bob", "carol"} {
			require.NotContains(t, text, word, name)
		}
	}
}
