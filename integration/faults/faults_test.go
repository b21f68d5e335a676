package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/internal/harness"
)

var (
	folder  = flag.String("logs", "", "the `folder` for the logs; it gets a folder per fault, with a file per node")
	answers = flag.String("answers", "", "the `file` that will list which fault each folder has")
	seed    = flag.Uint64("seed", 1, "the seed of the order of the folders")
)

// atOnce is how many ceremonies run at the same time. They mostly wait.
const atOnce = 12

func TestMain(m *testing.M) {
	harness.Main()
	flag.Parse()
	_ = flag.Set("test.parallel", strconv.Itoa(atOnce))
	goleak.VerifyTestMain(m)
}

// The operator who waits, or the one who can fix the problem, reads in the log what is wrong and
// where.
func TestLogsNameTheCause(t *testing.T) {
	all := slices.Concat(connecting, running)
	order := rand.New(rand.NewPCG(*seed, 0)).Perm(len(all))
	key := make([]string, len(all))
	for i, f := range all {
		number := fmt.Sprintf("%02d", order[i]+1)
		key[order[i]] = number + "  " + f.name
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			f.run(s)
			logs := s.logs()
			store(t, number, logs)
			for _, said := range f.says {
				require.True(t, said.in(logs), "%s: %q in %v", harness.Name(max(said.who, 0)), said.text, logs)
			}
		})
	}
	if *answers != "" {
		require.NoError(t, os.WriteFile(*answers, []byte(strings.Join(key, "\n")+"\n"), 0o600))
	}
}

// in reports whether the logs contain the text.
func (s said) in(logs map[string]string) bool {
	if s.who != two {
		return strings.Contains(logs[harness.Name(s.who)], s.text)
	}
	count := 0
	for _, log := range logs {
		if strings.Contains(log, s.text) {
			count++
		}
	}
	return count >= 2
}

func (f *fault) run(s *scene) {
	if f.play != nil {
		f.play(s)
		return
	}
	if f.hosts != nil {
		f.hosts(s)
	}
	s.openHosts()
	if f.arrange != nil {
		f.arrange(s)
	}
	s.run(func() bool {
		logs := s.logs()
		return !slices.ContainsFunc(f.says, func(said said) bool { return !said.in(logs) })
	})
}

// store writes the logs of one fault to files.
func store(t *testing.T, number string, logs map[string]string) {
	t.Helper()
	if *folder == "" {
		return
	}
	dir := filepath.Join(*folder, number)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	for name, log := range logs {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".log"), []byte(log), 0o600))
	}
}
