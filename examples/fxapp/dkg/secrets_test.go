package dkg

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/dkgsync/dkgsync/syncmod"
)

// requireNoSecret requires that a text contains neither a secret nor a long part of it,
// in any encoding that a program might print.
func requireNoSecret(t testing.TB, text string, secret []byte) {
	t.Helper()
	const part = 12 // bytes
	for at := 0; at+part <= len(secret); at += part / 2 {
		piece := secret[at : at+part]
		numbers := strings.Trim(fmt.Sprintf("%d", piece), "[]")
		for _, form := range []string{
			string(piece), hex.EncodeToString(piece), strings.ToUpper(hex.EncodeToString(piece)), numbers,
			fmt.Sprintf("%q", piece), strings.ReplaceAll(numbers, " ", ", "),
		} {
			require.NotContains(t, text, form)
		}
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawURLEncoding} {
		for skip := range 3 { // a part may begin anywhere in encoded text
			require.NotContains(t, text, encoding.EncodeToString(secret[skip:skip+15]))
		}
	}
	require.NotContains(t, text, new(big.Int).SetBytes(secret).String())
}

func TestNoOutputContainsASecret(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	t.Cleanup(func() { require.NoError(t, provider.Shutdown(context.Background())) })
	c := clusterWith(t, config(3), 3, syncmod.WithTracerProvider(provider))
	var secrets [][]byte
	note := func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		return afterPhase(deals, steps, func() error {
			secrets = append(secrets, encode(a.secret))
			return nil
		})
	}
	misbehaves := once(complaining(carol))
	c.nodes[bob].change = func(a *attempt, steps []syncmod.Step) []syncmod.Step {
		return note(a, misbehaves(a, steps)) // a failure is reported too
	}
	shares := c.complete()
	for _, s := range shares {
		secrets = append(secrets, encode(s.secret))
	}
	require.Greater(t, len(secrets), len(shares))
	told := fmt.Sprintf("%+v", spans.GetSpans())
	require.Contains(t, told, "dkgsync.step")
	for _, n := range c.nodes {
		require.Contains(t, n.log.String(), "exchange deals", "the log says what happens")
		told += n.log.String() + fmt.Sprintf("%+v", n.generator.Outcome())
	}
	for _, secret := range secrets {
		requireNoSecret(t, told, secret)
	}
}
