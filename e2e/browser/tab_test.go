package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long the page may take for one thing.
const patience = 10 * time.Second

// tab is one browser with one tab.
type tab struct {
	ctx       context.Context
	downloads string // directory

	mu      sync.Mutex
	console []chromedp.ConsoleMessage
}

// openTab runs Chromium, which e2e/setup.sh installs, without a window.
func openTab(t *testing.T) *tab {
	t.Helper()
	program := os.Getenv("PHIPROXY_CHROMIUM")
	if program == "" {
		program = "chromium"
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	b := &tab{ctx: ctx, downloads: t.TempDir()}
	messages := chromedp.Console(ctx)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("no browser (has e2e/setup.sh been run?): %v", err)
	}
	go func() {
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.console = append(b.console, m)
			b.mu.Unlock()
		}
	}()
	_, err := chromedp.CallBrowser(ctx, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{
		Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: b.downloads,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// do runs what a person does.
func (b *tab) do(t *testing.T, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func click(css string) chromedp.Action[chromedp.Void] { return chromedp.Click(chromedp.CSS(css)) }

func keys(css, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(chromedp.CSS(css), text)
}

// retype replaces what stands in a field; the text must not be empty.
func retype(css, text string) chromedp.Action[chromedp.Void] {
	return chromedp.Steps(chromedp.Evaluate[chromedp.Void]("document.querySelector("+quote(css)+").select()"), keys(css, text))
}

// ask evaluates JavaScript from outside of the page's policy, and waits for its promise.
func ask[T any](t *testing.T, b *tab, javascript string) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](javascript, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%v in %s", err, javascript)
	}
	return value
}

// wait waits until a JavaScript condition holds. While the page loads anew there may be nothing to evaluate it in.
func (b *tab) wait(t *testing.T, condition string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	for {
		holds, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("!!("+condition+")"))
		if err == nil && holds {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("never: %s (%v)\nthe page shows:\n%s", condition, err, ask[string](t, b, "document.body.innerText"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// sees waits until an element's text, as shown, contains a text.
func (b *tab) sees(t *testing.T, css, text string) {
	t.Helper()
	b.wait(t, "document.querySelector("+quote(css)+")?.innerText.includes("+quote(text)+")")
}

// open goes to a view of the page by its link.
func (b *tab) open(t *testing.T, view string) {
	t.Helper()
	b.do(t, click(`nav a[href="#/`+view+`"]`))
	b.wait(t, "!document.getElementById("+quote(view)+").hidden")
}

// quote makes a JavaScript string of plain text.
func quote(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(s) + "'"
}

// expected are answers that the visit provokes, which the browser notes on its console: a part of the URL, and the status.
var expected = []struct{ url, status string }{
	{"/admin/status", "status of 401"},
	{"/admin/encryption/generate-key", "status of 404"},
	{"/admin/", "ERR_CONNECTION_REFUSED"},
}

func isExpected(m chromedp.ConsoleMessage) bool {
	for _, e := range expected {
		if m.Source == "network" && strings.Contains(m.URL, e.url) && strings.Contains(m.Text, e.status) {
			return true
		}
	}
	return false
}

// problems are the console messages that nobody expects.
func (b *tab) problems() (texts []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.console {
		if !isExpected(m) {
			texts = append(texts, string(m.Type)+" "+m.Source+": "+m.Text+" "+m.URL)
		}
	}
	return texts
}

// look is a screen.
type look struct {
	name          string
	width, height int64
	scheme        string // light or dark
	pictures      bool
}

func (b *tab) setLook(t *testing.T, l look) {
	t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.do(t, chromedp.EmulateViewport(l.width, l.height))
}

// shoot writes a screenshot of the whole page.
func (b *tab) shoot(t *testing.T, dir, name string) {
	t.Helper()
	picture, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// forget drops the console messages so far.
func (b *tab) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.console = nil
}
