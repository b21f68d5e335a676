package roster_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// arguments reads the arguments of a command.
type arguments struct {
	t    *testing.T
	d    *datadriven.TestData
	used []string
}

func (a *arguments) flag(key string) bool {
	a.used = append(a.used, key)
	return a.d.HasArg(key)
}

func (a *arguments) text(key, otherwise string) string {
	if a.flag(key) {
		a.d.ScanArgs(a.t, key, &otherwise) // ScanArgs wants one value
	}
	return otherwise
}

func (a *arguments) number(key string, otherwise int64) int64 {
	n, err := strconv.ParseInt(a.text(key, fmt.Sprint(otherwise)), 10, 64)
	require.NoError(a.t, err, a.d.Pos)
	return n
}

func (a *arguments) duration(key string) time.Duration {
	d, err := time.ParseDuration(a.text(key, "0s"))
	require.NoError(a.t, err, a.d.Pos)
	return d
}

func (a *arguments) stream(otherwise roster.StreamID) roster.StreamID {
	n := roster.StreamID(a.number("stream", int64(otherwise))) //nolint:gosec // a transcript names small streams
	require.NotZero(a.t, n, "%s: which stream?", a.d.Pos)
	return n
}

func (a *arguments) session(key string, i int) uint64 {
	text := a.text(key, "")
	switch text {
	case "":
		return sessionOf(i)
	case "none":
		return 0
	}
	session, err := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	require.NoError(a.t, err, a.d.Pos)
	return session
}

// member returns the member that an argument names. A negative default means no
// member if the argument is a culprit or a reporter. For other arguments, it means
// that the command must name the member.
func (a *arguments) member(key string, otherwise int) int {
	text := a.text(key, "")
	if text == "" {
		require.True(a.t, otherwise >= 0 || key == "culprit" || key == "reporter", "%s: %s whom?", a.d.Pos, key)
		return otherwise
	}
	return a.index(text)
}

func (a *arguments) index(text string) int {
	i := slices.Index(names[:], text)
	require.GreaterOrEqual(a.t, i, 0, "%s: no such member: %s", a.d.Pos, text)
	return i
}

// named returns the members that are named without a key.
func (a *arguments) named() []int {
	var members []int
	for _, arg := range a.d.CmdArgs {
		if !slices.Contains(a.used, arg.Key) {
			a.used = append(a.used, arg.Key)
			members = append(members, a.index(arg.Key))
		}
	}
	return members
}

// done checks that the command has used all arguments of its line.
func (a *arguments) done() {
	for _, arg := range a.d.CmdArgs {
		require.Contains(a.t, a.used, arg.Key, "%s: %s does not know it", a.d.Pos, a.d.Cmd)
	}
}
