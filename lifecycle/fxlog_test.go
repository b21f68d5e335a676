package lifecycle_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"github.com/dkgsync/dkgsync/lifecycle"
)

func TestEachFxEventIsOneLine(t *testing.T) {
	for _, test := range fxEvents {
		t.Run(test.message, func(t *testing.T) {
			log, hook := recordingLogger()

			lifecycle.NewFxLogger(log).LogEvent(test.event)

			require.Len(t, hook.AllEntries(), 1)
			require.Equal(t, test.level, hook.LastEntry().Level)
			require.Equal(t, test.message, hook.LastEntry().Message)
			require.Empty(t, cmp.Diff(test.fields, hook.LastEntry().Data, cmp.Comparer(sameError)))
		})
	}
}

func sameError(a, b error) bool { return errors.Is(a, b) }

// A new version of fx may have an event that the logger does not know. Add such an event to the logger and to fxEvents.
func TestEveryEventOfFxIsCovered(t *testing.T) {
	covered := map[string]bool{}
	for _, test := range fxEvents {
		covered[reflect.TypeOf(test.event).Elem().Name()] = true
	}
	exists := map[string]bool{}
	for _, name := range fxEventTypes(t) {
		exists[name] = true
	}
	require.Equal(t, exists, covered)
}

// fxEventTypes returns the types in fx's sources that have the unexported method of the Event interface.
func fxEventTypes(t *testing.T) []string {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "go.uber.org/fx/fxevent").Output()
	require.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	require.NoError(t, err)
	var names []string
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, declaration := range parsed.Decls {
			method, ok := declaration.(*ast.FuncDecl)
			if !ok || method.Recv == nil || method.Name.Name != "event" {
				continue
			}
			names = append(names, method.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name)
		}
	}
	require.NotEmpty(t, names)
	return names
}

func TestAFailureIsOneErrorLine(t *testing.T) {
	fails := func() error { return errDisk }
	for name, opt := range map[string]fx.Option{
		"a constructor": fx.Options(fx.Provide(func() (int, error) { return 0, errDisk }), fx.Invoke(func(int) {})),
		"an invoke":     fx.Invoke(fails),
		"a start hook":  fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StartHook(fails)) }),
		"a stop hook":   fx.Invoke(func(lc fx.Lifecycle) { lc.Append(fx.StopHook(fails)) }),
	} {
		t.Run(name, func(t *testing.T) {
			log, lines := recordingLogger()
			app := fx.New(fx.Supply(log), lifecycle.WithFxLogger(), opt)
			if app.Err() == nil && app.Start(t.Context()) == nil {
				require.ErrorIs(t, app.Stop(t.Context()), errDisk)
			}

			require.Len(t, entriesAt(lines, logrus.ErrorLevel), 1)
		})
	}
}

func TestAnUnknownFxEventIsLogged(t *testing.T) {
	log, hook := recordingLogger()

	lifecycle.NewFxLogger(log).LogEvent(nil) // other packages cannot implement the interface

	require.Equal(t, logrus.DebugLevel, hook.LastEntry().Level)
	require.Equal(t, logrus.Fields{"type": "<nil>"}, hook.LastEntry().Data)
}
