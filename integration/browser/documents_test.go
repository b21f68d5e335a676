package browser

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
	"github.com/dkgsync/dkgsync/syncmod/statuspage"
)

var documents = flag.String("documents", "", "directory for the document of each situation, as JSON")

// Other displays show the same documents as the page. This test writes the documents that
// the tests of examples/fxapp/view use.
func TestRecordDocuments(t *testing.T) {
	if *documents == "" {
		t.Skip("no -documents: make view-documents")
	}
	require.NoError(t, os.MkdirAll(*documents, 0o750))
	for i, situation := range situations {
		t.Run(situation.name, func(t *testing.T) {
			page := situation.play(t).page
			var d statuspage.Document
			require.Eventually(t, func() bool {
				d = page.Document()
				return d.Ceremony != nil && hasAll(sentences(d.Ceremony), situation.shows)
			}, harness.Patience, 50*time.Millisecond, "%s", situation.shows)

			recorded, err := json.MarshalIndent(d, "", "\t")
			require.NoError(t, err)
			name := fmt.Sprintf("%02d-%s.json", i+1, strings.ReplaceAll(situation.name, " ", "-"))
			require.NoError(t, os.WriteFile(filepath.Join(*documents, name), append(recorded, '\n'), 0o600))
		})
	}
}

// sentences returns the sentences that the page shows at first sight, in order.
func sentences(d *statuspage.Detail) string {
	a := d.Answers
	text := []string{d.Headline}
	for _, one := range []struct {
		question string
		statuspage.Answer
	}{
		{"Who are we waiting for?", a.WaitingFor},
		{"Is it me?", a.IsItMe},
		{"Has it failed?", a.Failure},
		{"Who was slow?", a.Slow},
		{"Can I stop this node now?", a.Close},
	} {
		text = append(text, one.question, one.Short, one.Text)
	}
	for _, p := range d.Phases {
		text = append(text, p.Name, p.Text)
	}
	for _, m := range d.Members {
		text = append(text, fmt.Sprint(m.Index), m.Name, m.State)
	}
	return strings.Join(text, " ")
}
