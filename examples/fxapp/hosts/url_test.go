package hosts_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/sirupsen/logrus"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"

	"github.com/dkgsync/dkgsync/examples/fxapp/hosts"
)

func TestAURLThatLeadsElsewhere(t *testing.T) {
	var inside atomic.Int64
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { inside.Add(1) }))
	t.Cleanup(private.Close)
	for name, location := range map[string]string{
		"elsewhere": strings.Replace(private.URL, "127.0.0.1", "localhost", 1) + "/latest/meta-data/",
		"nowhere":   "http://[" + strings.Repeat("EVIL ", 12000),
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			url := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", fmt.Sprint(location, asked.Add(1)))
				w.WriteHeader(http.StatusFound)
			}))
			t.Cleanup(url.Close)
			text := new(logText)
			log := logrus.New()
			log.SetOutput(text)
			key := newKey(t)
			members := []peer.ID{(&node{key: key}).id(t), (&node{key: newKey(t)}).id(t)}
			app := fx.New(
				fx.Supply(log, hosts.Config{Key: key, Relays: []string{url.URL}, Members: members}),
				fx.Provide(hosts.New),
				fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
				fx.Invoke(hosts.Listen),
			)
			require.NoError(t, app.Start(t.Context()))
			t.Cleanup(func() { require.NoError(t, app.Stop(context.Background())) })

			require.Eventually(t, func() bool { return asked.Load() >= 3 }, patience, 10*time.Millisecond)

			require.Less(t, len(text.String()), 4<<10, "it does not fill the log")
			require.Zero(t, inside.Load(), "this node asks nobody else")
		})
	}
}
