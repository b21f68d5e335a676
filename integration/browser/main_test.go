package browser

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/harness"
)

var pictures = flag.String("pictures", "", "directory for a PNG of each situation")

// chromium is the browser of all tests. Each test has tabs of its own.
var chromium = sync.OnceValues(func() (context.Context, error) {
	path, err := exec.LookPath(os.Getenv("CHROMIUM"))
	if err != nil {
		return nil, fmt.Errorf("install Debian's package chromium, or set CHROMIUM to the path of a browser: %w", err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"),
	)
	all, end := chromedp.NewExecAllocator(context.Background(), options...)
	browser, _ := chromedp.NewContext(all)
	closeBrowser = func() {
		_ = chromedp.Cancel(browser) // closes the browser and waits
		end()
	}
	return browser, chromedp.Do(browser)
})

var closeBrowser = func() {}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	closeBrowser()
	os.Exit(code)
}

// looks describes a window and the preferences of its reader.
type looks struct {
	name          string
	width, height int64
	scheme        string // light or dark
}

var (
	desktop      = looks{"desktop", 1280, 800, "light"}
	atNight      = looks{"night", 1280, 800, "dark"}
	phone        = looks{"phone", 390, 844, "light"}
	phoneAtNight = looks{"phone-night", 390, 844, "dark"}
)

// tab is a browser tab with a page.
type tab struct {
	t   *testing.T
	ctx context.Context
}

// listening is a script that notes errors of the page's own code, and what the page's policy
// forbids.
const listening = `window.complaints = [];
	for (const event of ['error', 'unhandledrejection', 'securitypolicyviolation'])
		addEventListener(event, (e) => complaints.push(event + ': ' + (e.message || e.reason || e.blockedURI)), true);
	console.error = console.warn = (...words) => complaints.push(words.join(' '));`

func skipWithoutChromium(t *testing.T) {
	t.Helper()
	if os.Getenv("CHROMIUM") == "" {
		t.Skip("no CHROMIUM: make test-page")
	}
}

// open opens a page in a new tab.
func open(t *testing.T, url string, l looks) *tab {
	t.Helper()
	skipWithoutChromium(t)
	browser, err := chromium()
	require.NoError(t, err)
	ctx, _ := chromedp.NewContext(browser)
	t.Cleanup(func() { _ = chromedp.Cancel(ctx) })
	require.NoError(t, chromedp.Do(ctx))
	b := &tab{t: t, ctx: ctx}
	b.do(func(ctx context.Context, s *chromedp.Target) (nothing chromedp.Void, err error) {
		_, err = cdp.Call(ctx, s, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < narrow,
		})
		if err != nil {
			return nothing, err
		}
		_, err = cdp.Call(ctx, s, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
		})
		if err != nil {
			return nothing, err
		}
		_, err = cdp.Call(ctx, s, page.AddScriptToEvaluateOnNewDocument,
			page.AddScriptToEvaluateOnNewDocumentParams{Source: listening})
		return nothing, err
	})
	b.do(chromedp.Navigate(url))
	return b
}

// narrow is the width in pixels below which a window counts as a phone's.
const narrow = 600

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	_, err := run(b, chromedp.Steps(steps...))
	require.NoError(b.t, err)
}

func run[T any](b *tab, action chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, harness.Patience)
	defer cancel()
	return chromedp.Run(ctx, action)
}

// eval evaluates an expression in the page.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	value, err := run(b, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(b.t, err)
	return value
}

// text returns the text of an element as the reader sees it.
func (b *tab) text(selector string) string {
	b.t.Helper()
	quoted, _ := json.Marshal(selector)
	return eval[string](b, fmt.Sprintf(`(document.querySelector(%s) || {innerText: ''}).innerText`, quoted))
}

// until waits until the text of an element contains the words.
func (b *tab) until(selector string, words ...string) {
	b.t.Helper()
	var last string
	ctx := harness.Within(b.t)
	for ctx.Err() == nil {
		if last = strings.Join(strings.Fields(b.text(selector)), " "); hasAll(last, words) {
			return
		}
		eval[bool](b, "new Promise(done => setTimeout(() => done(true), 50))")
	}
	require.Failf(b.t, "the page never said it", "%q, but: %q; its errors: %q", words, last, b.complaints())
}

func hasAll(text string, words []string) bool {
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// complaints returns the complaints that the page's own code caused.
func (b *tab) complaints() []string { return eval[[]string](b, "window.complaints") }

// picture writes a picture of what is visible at first sight, and one of the whole page, if the
// test run asks for pictures.
func (b *tab) picture(name string) {
	b.t.Helper()
	if *pictures == "" {
		return
	}
	name = strings.ReplaceAll(name, " ", "-")
	require.NoError(b.t, os.MkdirAll(*pictures, 0o750))
	first, err := run(b, chromedp.CaptureScreenshot())
	require.NoError(b.t, err)
	whole, err := run(b, chromedp.FullScreenshot(100))
	require.NoError(b.t, err)
	require.NoError(b.t, os.WriteFile(filepath.Join(*pictures, name+".png"), first, 0o600))
	require.NoError(b.t, os.WriteFile(filepath.Join(*pictures, name+"-whole.png"), whole, 0o600))
}

// axe returns the source text of axe-core.
var axe = sync.OnceValues(func() (string, error) {
	f, err := os.Open("testdata/axe.min.js.gz")
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // it was only read
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(unzipped)
	return string(text), err
})

// requireReadable requires that axe-core finds nothing, and that nothing is wider than the window.
func (b *tab) requireReadable() {
	b.t.Helper()
	code, err := axe()
	require.NoError(b.t, err)
	eval[int](b, code+";0")
	found := eval[[]string](b, `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.flatMap(v =>
		v.nodes.map(n => v.id + ': ' + v.help + ': ' + n.html.slice(0, 200) + ' ' + n.failureSummary)))`)
	require.Empty(b.t, found)
	require.LessOrEqual(b.t, eval[int](b, "document.documentElement.scrollWidth - innerWidth"), 0,
		"nobody has to scroll sideways")
	require.Empty(b.t, b.complaints())
}
