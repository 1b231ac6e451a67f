package browser

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"phiproxy/config"
)

// TestOperatorsPage is one visit: each part goes on where the one before left the page.
func TestOperatorsPage(t *testing.T) {
	s := startSite(t)
	s.use(t)
	v := &visit{site: s, tab: openTab(t), pictures: t.ArtifactDir()}
	for _, part := range []struct {
		name string
		run  func(*testing.T)
	}{
		{"wrong token", v.wrongToken},
		{"log in", v.logIn},
		{"overview", v.overview},
		{"list of keys", v.listOfKeys},
		{"generate and rotate", v.generateAndRotate},
		{"clear cache", v.clearCache},
		{"key audit", v.keyAudit},
		{"statements", v.statements},
		{"sessions", v.sessions},
		{"access", v.access},
		{"spreadsheets", v.spreadsheets},
		{"many keys", v.manyKeys},
		{"destroy", v.destroy},
		{"accessible", v.accessible},
		{"looks", v.looks},
		{"steady", v.steady},
		{"hidden", v.hidden},
		{"withdrawn token", v.withdrawnToken},
		{"expired token", v.expiredToken},
		{"viewer", v.viewer},
		{"log out", v.logOut},
		{"policy", v.policy},
		{"no answer", v.noAnswer},
	} {
		if !t.Run(part.name, part.run) {
			v.tab.shoot(t, v.pictures, "failed")
			t.FailNow()
		}
		if problems := v.tab.problems(); problems != nil {
			t.Fatalf("after %s the console says:\n%s", part.name, strings.Join(problems, "\n"))
		}
	}
}

type visit struct {
	*site
	tab      *tab
	pictures string // directory
}

func (v *visit) wrongToken(t *testing.T) {
	v.tab.setLook(t, looks[0])
	v.tab.do(t, chromedp.Navigate(v.url+"/"), keys("#token", "phx_test_wrong"), click("#login-button"))
	v.tab.sees(t, "#login-problem", "not accepted")
	if ask[bool](t, v.tab, "sessionStorage.length > 0 || !document.getElementById('app').hidden") {
		t.Error("a wrong token is kept, or opens the page")
	}
	v.tab.wait(t, "document.activeElement.id === 'token'")
}

func (v *visit) login(t *testing.T, role string) {
	t.Helper()
	v.tab.wait(t, "document.getElementById('token') && !document.getElementById('login').hidden")
	v.tab.do(t, retype("#token", v.tokens[role]), retype("#admin-user", operator+kb.Enter))
	v.tab.sees(t, "#who", role)
}

func (v *visit) logIn(t *testing.T) {
	v.login(t, config.RoleAdmin)
	v.tab.sees(t, "#ready", "Ready")
	if ask[bool](t, v.tab, "document.cookie !== '' || localStorage.length > 0 || document.documentElement.outerHTML.includes('phx_')") {
		t.Error("the token is somewhere else than in the tab's own storage")
	}
}

func (v *visit) overview(t *testing.T) {
	v.tab.sees(t, "#coverage-note", "2 of 62 active users have a key. Without: 60.")
	v.tab.sees(t, "#coverage-figure", "3.23 %")
	v.tab.sees(t, "#kms", "answers")
	v.tab.sees(t, "#tables", "surgicase.deleted_cases")
	v.tab.sees(t, "#build", "go1.")
	v.tab.sees(t, "#audit-health", "writing")
	v.tab.wait(t, "document.querySelectorAll('#checks li.good').length >= 2")
}

func (v *visit) listOfKeys(t *testing.T) {
	v.tab.open(t, "keys")
	v.tab.sees(t, "#keys-range", "1 to 2 of 2")
	v.tab.sees(t, "#keys-table", hostile)
	v.tab.do(t, keys("#keys-prefix", "OWN"))
	v.tab.sees(t, "#keys-range", "1 to 1 of 1")
	v.tab.do(t, keys("#keys-prefix", "x"))
	v.tab.sees(t, "#keys-table", "No owner matches the filter.")
	v.tab.do(t, retype("#keys-prefix", kb.Backspace))
	v.tab.sees(t, "#keys-range", "of 2")
}

func (v *visit) generateAndRotate(t *testing.T) {
	v.tab.do(t, click("#keys-generate"), click("#dialog-ok"))
	v.tab.sees(t, "#dialog-problem", "Enter the owner")
	v.tab.do(t, keys("#generate-owner", "NOBODY"), click("#dialog-ok"))
	v.tab.sees(t, "#dialog-problem", "not found")
	v.tab.do(t, retype("#generate-owner", owner(7)+kb.Enter))
	v.tab.sees(t, "#message", "Key version 1 generated for "+owner(7))
	v.tab.sees(t, "#keys-table", owner(7))
	v.tab.do(t, click(`[aria-label="Rotate the key of `+owner(7)+`"]`), click("#dialog-ok"))
	v.tab.sees(t, "#message", owner(7)+" now writes with key version 2")
	v.tab.wait(t, "!document.getElementById('dialog').open")
}

func (v *visit) clearCache(t *testing.T) {
	v.tab.do(t, click("#keys-clear"), click("#dialog-ok"))
	v.tab.sees(t, "#message", "All DEK caches cleared")
}

func (v *visit) keyAudit(t *testing.T) {
	v.tab.open(t, "audit")
	v.tab.do(t, keys("#audit-owner", owner(7)))
	for _, text := range []string{"generate", "rotate", operator, "127.0.0.1", "key version 2"} {
		v.tab.sees(t, "#audit-table", text)
	}
	v.tab.wait(t, "!document.getElementById('audit-table').innerText.includes("+quote(hostile)+")")
}

func (v *visit) statements(t *testing.T) {
	v.tab.open(t, "statements")
	v.tab.sees(t, "#statements-table", "INSERT INTO")
	v.tab.sees(t, "#statements-table", "SELECT patient_first AS")
	for _, secret := range []string{"Canary", "Aetna", hostile} {
		if strings.Contains(ask[string](t, v.tab, "document.body.innerText"), secret) {
			t.Errorf("statements show %s, which is a value or a name that the client made up", secret)
		}
	}
	v.tab.do(t, click(`#refusals-table [aria-label="What does PHI-1102 mean?"]`))
	v.tab.sees(t, "#dialog", "The database holds sealed bytes")
	v.tab.shoot(t, v.pictures, "refusal")
	v.tab.do(t, chromedp.KeyEvent(kb.Escape))
	v.tab.wait(t, "!document.getElementById('dialog').open && document.activeElement.textContent === 'PHI-1102'")
}

func (v *visit) sessions(t *testing.T) {
	v.tab.open(t, "sessions")
	v.tab.sees(t, "#sessions-table", hostile)
	v.tab.sees(t, "#sessions-note", "connection")
}

func (v *visit) access(t *testing.T) {
	v.tab.open(t, "access")
	v.tab.do(t, keys("#access-owner", owner(1)), click("#access-search"))
	v.tab.sees(t, "#access-table", hostile)
	v.tab.sees(t, "#access-table", "SELECT")
	v.tab.sees(t, "#access-note", "record")
	v.tab.do(t, click("#access-export"))
	rows := v.export(t)
	if len(rows) < 3 || !slices.Contains(rows[0], "owners") {
		t.Fatalf("exported: %q", rows)
	}
	for _, row := range rows[1:] {
		if row[1] != hostile || !slices.Contains(row, owner(1)) {
			t.Errorf("exported: %q", row)
		}
	}
	v.tab.do(t, retype("#access-owner", owner(9)), click("#access-search"))
	v.tab.sees(t, "#access-table", "Nobody")
}

// spreadsheets sees that nothing in an export runs where it is opened.
func (v *visit) spreadsheets(t *testing.T) {
	got := ask[string](t, v.tab, `import('/csv.js').then(({csv}) => csv(['a', 'b'], [{a: '=1+1', b: 'say "x", y'}, {a: ['@x', 'y'], b: -3}, {a: '-1+1'}]))`)
	const want = "\"a\",\"b\"\r\n\"'=1+1\",\"say \"\"x\"\", y\"\r\n\"'@x y\",\"-3\"\r\n\"'-1+1\",\"\"\r\n"
	if got != want {
		t.Errorf("exported %q, want %q", got, want)
	}
}

// manyKeys turns pages, and rotates all keys.
func (v *visit) manyKeys(t *testing.T) {
	if out, err := v.proxy.Command("keys", "generate", "--yes"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	v.tab.open(t, "keys")
	v.tab.sees(t, "#keys-range", "1 to 25 of 62")
	v.tab.do(t, click("#keys-next"))
	v.tab.sees(t, "#keys-range", "26 to 50 of 62")
	v.tab.do(t, click("#keys-next"))
	v.tab.sees(t, "#keys-range", "51 to 62 of 62")
	v.tab.wait(t, "document.getElementById('keys-next').disabled")
	v.tab.do(t, click("#keys-previous"))
	v.tab.sees(t, "#keys-range", "26 to 50 of 62")
	v.tab.do(t, click("#keys-rotate-all"), click("#dialog-ok"))
	v.tab.sees(t, "#message", " keys rotated.")
}

// destroy makes one row unreadable, which the page says before.
func (v *visit) destroy(t *testing.T) {
	v.tab.do(t, retype("#keys-prefix", owner(1)))
	v.tab.sees(t, "#keys-range", "1 to 1 of 1")
	v.tab.do(t, click(`[aria-label="Destroy the key of `+owner(1)+`"]`))
	v.tab.sees(t, "#dialog", "Protected values in 1 row ")
	v.tab.shoot(t, v.pictures, "destroy")
	v.tab.do(t, keys("#destroy-owner", owner(2)), click("#dialog-ok"))
	v.tab.sees(t, "#dialog-problem", "not the owner")
	v.tab.do(t, retype("#destroy-owner", owner(1)), click("#dialog-ok"))
	v.tab.sees(t, "#message", "destroyed")
	v.tab.sees(t, "#keys-table", "destroyed")
	v.tab.do(t, retype("#keys-prefix", kb.Backspace))
	v.tab.sees(t, "#keys-range", "of 62")
}

// export reads the file that the page saved.
func (v *visit) export(t *testing.T) [][]string {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(v.tab.downloads, "phi-access-*.csv"))
		if err != nil || len(files) == 0 {
			continue
		}
		f, err := os.Open(files[0])
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	t.Fatal("nothing was saved")
	return nil
}

// accessible holds what a screen reader and a keyboard need, and enough contrast in both schemes.
func (v *visit) accessible(t *testing.T) {
	unnamed := ask[[]string](t, v.tab, `[...document.querySelectorAll('input, select, button, a, progress, dialog, nav')]
		.filter((e) => !e.hidden && !e.labels?.length && !e.getAttribute('aria-label') && !e.getAttribute('aria-labelledby') && !e.textContent.trim())
		.map((e) => e.outerHTML)`)
	if len(unnamed) > 0 {
		t.Errorf("without a name: %q", unnamed)
	}
	v.tab.do(t, chromedp.Evaluate[chromedp.Void]("document.activeElement.blur(), scrollTo(0, 0)"), chromedp.KeyEvent(kb.Tab))
	v.tab.wait(t, "document.activeElement !== document.body && getComputedStyle(document.activeElement).outlineStyle === 'solid'")
	for _, scheme := range []string{"light", "dark"} {
		v.tab.setLook(t, look{"", 1280, 800, scheme, false})
		if poor := ask[[]string](t, v.tab, contrast); len(poor) > 0 {
			t.Errorf("%s: too little contrast: %q", scheme, poor)
		}
	}
}

// contrast lists the pairs of colours that text stands in with less than WCAG 2's 4.5 to 1.
const contrast = `(() => {
	const style = getComputedStyle(document.documentElement);
	const light = (name) => {
		const hex = style.getPropertyValue('--' + name).trim();
		const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const pairs = ['text back', 'text card', 'soft back', 'soft card', 'accent card', 'accent-text accent', 'text accent-soft', 'text line', 'good card', 'bad card', 'warn card',
		'good good-soft', 'bad bad-soft', 'warn warn-soft', 'card bad'];
	return pairs.filter((pair) => {
		const [a, b] = pair.split(' ').map(light).sort((x, y) => y - x);
		return !((a + 0.05) / (b + 0.05) >= 4.5);
	});
})()`

var looks = []look{
	{"desktop-light", 1280, 800, "light", true}, {"desktop-dark", 1280, 800, "dark", true}, {"phone", 360, 740, "light", true}, {"narrow", 320, 640, "dark", false},
}

// looks takes pictures of every view, none of which may be wider than the screen.
func (v *visit) looks(t *testing.T) {
	for _, l := range looks {
		v.tab.setLook(t, l)
		for _, view := range []string{"overview", "keys", "statements", "sessions", "access", "audit"} {
			v.tab.open(t, view)
			v.tab.wait(t, "document.getElementById('updated').textContent.startsWith('Updated')")
			if wide := ask[int](t, v.tab, "document.documentElement.scrollWidth - innerWidth"); wide > 0 {
				t.Errorf("%s on %s is %d pixels too wide", view, l.name, wide)
			}
			if l.pictures {
				v.tab.shoot(t, v.pictures, view+"-"+l.name)
			}
		}
	}
	v.tab.setLook(t, looks[0])
}

// steady sees that nothing moves when the page refreshes, and since the page was opened unless somebody had done something.
func (v *visit) steady(t *testing.T) {
	v.tab.open(t, "keys")
	ask[chromedp.Void](t, v.tab, "document.getElementById('updated').textContent = ''")
	v.tab.do(t, click("#refresh"))
	v.tab.wait(t, "document.getElementById('updated').textContent !== ''")
	moved := ask[float64](t, v.tab, `new Promise((told) => {
		let sum = 0;
		new PerformanceObserver((list) => list.getEntries().filter((e) => !e.hadRecentInput).forEach((e) => { sum += e.value; }))
			.observe({type: 'layout-shift', buffered: true});
		setTimeout(() => told(sum), 200);
	})`)
	if moved > 0.05 { // a layout shift score; 0.1 is what is called good
		t.Errorf("the page moved by %v", moved)
	}
}

// hidden sees that nobody's tab in the background asks for anything.
func (v *visit) hidden(t *testing.T) {
	const asked = "performance.getEntriesByType('resource').length"
	hide := func(hidden string) {
		ask[bool](t, v.tab, "Object.defineProperty(document, 'hidden', {get: () => "+hidden+", configurable: true}) && document.dispatchEvent(new Event('visibilitychange'))")
	}
	hide("true")
	before := ask[int](t, v.tab, asked)
	v.tab.do(t, click("#refresh"))
	if after := ask[int](t, v.tab, asked); after != before {
		t.Errorf("%d requests by a page that nobody sees", after-before)
	}
	hide("false")
	v.tab.wait(t, asked+" > "+"0")
}

// withdrawnToken is what happens when a token is no longer accepted.
func (v *visit) withdrawnToken(t *testing.T) {
	v.tab.open(t, "overview")
	v.tab.wait(t, "document.getElementById('updated').textContent !== ''")
	ask[chromedp.Void](t, v.tab, "sessionStorage.setItem('phiproxy.token', 'phx_test_withdrawn')")
	v.tab.do(t, click("#refresh"))
	v.tab.sees(t, "#login-problem", "Log in again")
	if ask[bool](t, v.tab, "sessionStorage.getItem('phiproxy.token') !== null || document.body.textContent.includes("+quote(owner(7))+")") {
		t.Error("something of the session is left")
	}
}

// expiredToken is what happens at the token's end, which the page knows.
func (v *visit) expiredToken(t *testing.T) {
	v.login(t, config.RoleViewer)
	ask[chromedp.Void](t, v.tab, "Date.now = () => new Date().getTime() + 2 * 3600 * 1000")
	v.tab.do(t, click("#refresh"))
	v.tab.sees(t, "#login-problem", "has expired")
}

func (v *visit) viewer(t *testing.T) {
	v.login(t, config.RoleViewer)
	v.tab.open(t, "keys")
	v.tab.sees(t, "#keys-table", owner(7))
	if ask[int](t, v.tab, "[...document.querySelectorAll('#keys-actions button, #keys-table button')].filter((b) => b.checkVisibility()).length") != 0 {
		t.Error("a viewer is shown buttons that are not for viewers")
	}
}

func (v *visit) logOut(t *testing.T) {
	v.tab.do(t, click("#logout"))
	v.tab.wait(t, "!document.getElementById('login').hidden && document.getElementById('app').hidden")
	if left := ask[int](t, v.tab, "sessionStorage.length"); left != 0 {
		t.Errorf("%d entries are left in the tab's storage", left)
	}
	v.tab.shoot(t, v.pictures, "log-in")
}

// policy sees that no hostile text has run, and that this test would have noticed.
func (v *visit) policy(t *testing.T) {
	if ask[bool](t, v.tab, "'owned' in window") {
		t.Error("a hostile name ran as a script")
	}
	ask[chromedp.Void](t, v.tab, "document.body.append(Object.assign(document.createElement('script'), {textContent: 'owned = 1'}))")
	if ask[bool](t, v.tab, "'owned' in window") {
		t.Error("an inline script runs")
	}
	if problems := v.tab.problems(); len(problems) != 1 || !strings.Contains(problems[0], "Content Security Policy") {
		t.Errorf("the console said %q of an inline script", problems)
	}
	v.tab.forget()
}

// noAnswer is what a proxy looks like that has ended.
func (v *visit) noAnswer(t *testing.T) {
	v.login(t, config.RoleViewer)
	v.tab.sees(t, "#updated", "Updated")
	if err := v.proxy.Process.Stop(); err != nil {
		t.Fatal(err)
	}
	v.tab.do(t, click("#refresh"))
	v.tab.sees(t, "#problem", "phiproxy does not answer. Check that it runs")
	v.tab.sees(t, "#ready", "No answer")
	v.tab.sees(t, "#tables", "surgicase.cases")
	v.tab.shoot(t, v.pictures, "no-answer")
}
