package syncmod

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod/internal/reason"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

// troubles returns the rows of the tables below the given headings of the page.
func troubles(t *testing.T, headings ...string) (rows [][]string) {
	t.Helper()
	page, err := os.ReadFile("../docs/troubleshooting.md")
	require.NoError(t, err)
	for _, heading := range headings {
		_, section, found := strings.Cut(string(page), "\n## "+heading+"\n")
		require.True(t, found, heading)
		section, _, _ = strings.Cut(section, "\n## ")
		for line := range strings.Lines(section) {
			if strings.HasPrefix(line, "| `") && !strings.HasPrefix(line, "| `error.type`") {
				cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
				for i := range cells {
					cells[i] = strings.Trim(strings.TrimSpace(cells[i]), "`")
				}
				require.Len(t, cells, 4, line)
				rows = append(rows, cells)
			}
		}
	}
	require.NotEmpty(t, rows)
	return rows
}

// shows returns the sentences of rows.
func shows(rows [][]string) (list []string) {
	for _, row := range rows {
		list = append(list, row[0])
	}
	return list
}

func TestThePageListsEveryReason(t *testing.T) {
	const here, member = string(reason.Here), string(reason.There)
	known := map[string]string{closedByIt: member, silent: member, notProtocol + ": …": member}
	for _, row := range reason.Table() {
		known[row.Text] = string(row.Whose)
	}

	listed := make(map[string]string)
	for _, row := range troubles(t, "Why a member is not reached", "Why an address failed", "Why a relay does not help",
		"Why there is no stream") {
		require.NotContains(t, listed, row[0], "once")
		listed[row[0]] = row[2]
		require.NotEmpty(t, row[1])
		require.NotEmpty(t, row[3])
	}

	require.Equal(t, known, listed)
	require.Contains(t, troubles(t, "How a member stands"), []string{
		refusedHere + "…", "this host had no room for a stream of the member; the limit follows", here,
		"raise the limit, see `syncmod.NewResourceManager",
	})
}

// matches returns the longest sentence of a page that fits a text.
func matches(text string, pages []string) (best string) {
	for _, page := range pages {
		pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(page), "…", ".*")
		if len(page) > len(best) && regexp.MustCompile(pattern).MatchString(text) {
			best = page
		}
	}
	return best
}

func TestThePageListsHowMembersStand(t *testing.T) {
	now := time.Date(2025, 11, 22, 12, 0, 0, 0, time.UTC)
	since, lost := now.Add(-3*time.Second), errors.New("dial timeout")
	pages := shows(troubles(t, "How a member stands"))
	found := make(map[string]bool)
	for _, p := range []PeerStatus{
		{Step: -1},
		{Step: -1, Since: since, LastError: lost},
		{Step: -1, Since: since, Inbound: true, LastError: lost},
		{Step: -1, Since: since, Outbound: true, LastError: &refusal{shownError{text: refusedHere + "full"}}},
		{Step: -1, Since: since, LastSeen: since},
		{Step: -1, Since: since, Outbound: true, LastError: errNotServing},
		{Step: -1, Inbound: true, Outbound: true, clockWrong: true, ClockOffset: time.Minute},
		{Step: -1, Inbound: true, Outbound: true, Relayed: true, LastError: ErrKeyInUse},
		{Step: -1, Waiting: "it has not opened this ceremony yet"},
		{Step: -1, Done: true},
		{Step: -1, Inbound: true, answered: true},
		{Step: -1, LastError: lost, reach: "but alice and dave reach it: check this node's network"},
		{Step: -1, LastError: lost, reach: "only dave reaches it: check its network"},
		{Step: -1, LastError: lost, reach: "bob cannot reach it either"},
		{Step: -1, LastError: lost, reach: "nobody reaches it"},
	} {
		sentences := p.Describe(now)
		for at := range sentences { // each position at which a sentence of the page may begin
			if at > 0 && !strings.HasSuffix(sentences[:at], ", ") {
				continue
			}
			found[matches(sentences[at:], pages)] = true
		}
		require.NotEmpty(t, matches(sentences, pages), "the page does not list %q", sentences)
	}
	found[matches(refusedHere+"full", pages)] = true
	found[matches(errNotServing.Error(), pages)] = true
	for _, page := range pages {
		require.True(t, found[page], "no member stands like %q", page)
	}
}

func TestThePageListsBrokenPairs(t *testing.T) {
	c := watcher()
	c.called = []string{"alice", "bob", "carol"}
	pages := shows(troubles(t, "Which members cannot reach each other"))

	var found []string
	for _, pair := range []BrokenLink{{A: 1, B: 2}, {A: 1, B: 2, aToB: true}} {
		found = append(found, matches(pair.Describe(c.called, time.Now()), pages))
	}

	require.ElementsMatch(t, pages, found)
}

func TestThePageListsEveryAnswer(t *testing.T) {
	c := watcher()
	c.abortText = "disk full"
	f := &inboundFacts{core: c}
	var said []string
	for _, v := range []roster.Verdict{
		{Waiting: new(roster.Failure)}, {Over: true}, {KeyInUse: true}, {Observes: true},
	} {
		said = append(said, f.Waiting(v))
	}
	said = append(said, directory{}.NotOpen(nil), "it has another definition open: deadbeef")
	pages := shows(troubles(t, "What a member answers"))

	var found []string
	for _, text := range said {
		found = append(found, matches(text, pages))
	}

	require.ElementsMatch(t, pages, found)
}

func TestThePageListsEveryFailure(t *testing.T) {
	rows := troubles(t, "Why a ceremony failed")
	var listed, known [][2]string
	pages := make([]string, len(rows))
	for i, row := range rows {
		listed = append(listed, [2]string{row[0], row[1]})
		pages[i] = row[1]
	}
	for _, row := range failureKinds {
		f := roster.Failure{Kind: row.kind, Culprit: 1, By: 1, Reporter: -1, From: 1, To: 3, Theirs: "v2"}
		text := explain(cluster, f, errors.New("the disk is full")).Error()
		known = append(known, [2]string{row.errorType, matches(text, pages)})
	}
	require.ElementsMatch(t, listed, known)
}
