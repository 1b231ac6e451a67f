package operator

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/servers"
)

// section is one runbook: what stands below a heading of the second rank.
type section struct {
	title  string
	blocks []block
}

// block is one fenced block that is marked to be run.
type block struct {
	line   int
	script string
	exit   string   // exit code; "0" unless the mark says otherwise
	want   []string // lines to be found in the output, in this order; "..." stands for anything
}

var fence = regexp.MustCompile("^( *)```(.*)$")

// readRunbooks cuts a document into its runbooks.
func readRunbooks(text string) []section {
	var sections []section
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if title, ok := strings.CutPrefix(lines[i], "## "); ok {
			sections = append(sections, section{title: title})
			continue
		}
		open := fence.FindStringSubmatch(lines[i])
		if open == nil {
			continue
		}
		first := i + 1
		for i++; strings.TrimSpace(lines[i]) != "```"; i++ {
			lines[i] = strings.TrimPrefix(lines[i], open[1])
		}
		sections[len(sections)-1].add(open[2], first, lines[first:i])
	}
	return sections
}

// add takes up a block by the words behind its fence.
func (s *section) add(mark string, line int, lines []string) {
	words := strings.Fields(mark)
	switch {
	case len(words) > 1 && words[1] == "run":
		b := block{line: line, script: strings.Join(lines, "\n"), exit: "0"}
		for _, w := range words[2:] {
			b.exit = strings.TrimPrefix(w, "exit=")
		}
		s.blocks = append(s.blocks, b)
	case mark == "text":
		last := &s.blocks[len(s.blocks)-1]
		last.want = append(last.want, lines...)
	}
}

// TestRunbooks executes every runbook of the documentation, each on an installation of its own.
func TestRunbooks(t *testing.T) {
	text, err := os.ReadFile("../../docs/runbooks.md")
	if err != nil {
		t.Fatal(err)
	}
	sections := readRunbooks(string(text))
	if len(sections) < 7 || sections[0].title != "First installation" {
		t.Fatalf("%d runbooks, of which the first is %q", len(sections), sections[0].title)
	}
	for i, s := range sections {
		t.Run(s.title, func(t *testing.T) {
			if len(s.blocks) == 0 {
				t.Error("nothing of it is executed")
			}
			r := newRig(t)
			if i > 0 {
				r.run(t, sections[0])
				r.seed(t)
			}
			r.run(t, s)
		})
	}
}

// rig is a machine to follow runbooks on.
type rig struct {
	dir     string
	names   *strings.Replacer // names of the documentation -> those of this machine
	environ []string
}

func newRig(t *testing.T) *rig {
	r := &rig{dir: t.TempDir()}
	for _, d := range []string{"bin", "etc", "var", "backup", "home"} {
		if err := os.Mkdir(filepath.Join(r.dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	live, spare := server(t, production), server(t, drill)
	resetServers(t, live, spare)
	ports := freePorts(t, 4)
	r.names = strings.NewReplacer("db.internal:3306", live.Addr, "drill.internal:3306", spare.Addr,
		"127.0.0.1:3307", ports[0], "127.0.0.1:8306", ports[1], "127.0.0.1:3308", ports[2], "127.0.0.1:8307", ports[3],
		"/etc/phiproxy", filepath.Join(r.dir, "etc"), "/var/lib/phiproxy", filepath.Join(r.dir, "var"), "/srv/backup", filepath.Join(r.dir, "backup"))
	r.install(t)
	r.copy(t, live.PKI.CAFile, "etc/db-ca.pem")
	r.copy(t, spare.PKI.CAFile, "etc/drill-ca.pem")
	r.write(t, "home/.my.cnf", clientOptions("", live.Addr, servers.AdminUser, servers.AdminPassword)+
		clientOptions("_app", ports[0], servers.AppUser, servers.AppPassword)+
		clientOptions("_drill", spare.Addr, servers.AdminUser, servers.AdminPassword)+
		clientOptions("_drillapp", ports[2], servers.AppUser, servers.AppPassword))
	_, kms := startKMS(t)
	etc := filepath.Join(r.dir, "etc")
	r.environ = append(os.Environ(), "PATH="+filepath.Join(r.dir, "bin")+":"+os.Getenv("PATH"), "HOME="+filepath.Join(r.dir, "home"), "PHIPROXY_CONFIG="+filepath.Join(etc, "phiproxy.yaml"),
		"PHIPROXY_KEYS_ENDPOINT="+kms, "RUNBOOK_KMS="+kms, "RUNBOOK_ETC="+etc, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
	t.Cleanup(func() { r.stop(t) })
	return r
}

// install puts the programs on the path: the real phiproxy, and stand-ins for those that belong to the host.
func (r *rig) install(t *testing.T) {
	binary, err := harness.Binary()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	systemctl, err := filepath.Abs("testdata/systemctl")
	if err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"phiproxy": binary, "aws": self, "systemctl": systemctl} {
		if err := os.Symlink(target, filepath.Join(r.dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *rig) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) copy(t *testing.T, from, name string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	r.write(t, name, string(text))
}

func clientOptions(group, address, user, password string) string {
	host, port, _ := strings.Cut(address, ":")
	return fmt.Sprintf("[client%s]\nhost=%s\nport=%s\nuser=%s\npassword=%s\nprotocol=tcp\n", group, host, port, user, password)
}

func freePorts(t *testing.T, n int) []string {
	t.Helper()
	ports := make([]string, n)
	for i := range ports {
		port, err := servers.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		ports[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	return ports
}

// resetServers brings the servers to where the first installation begins: the application's database with four users.
func resetServers(t *testing.T, live, spare *servers.Server) {
	t.Helper()
	for _, s := range []*servers.Server{live, spare} {
		c, err := s.Admin("")
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{"DROP DATABASE IF EXISTS surgicase", "DROP USER IF EXISTS phiproxy"} {
			if err := c.Exec(sql); err != nil {
				t.Fatal(err)
			}
		}
		_ = c.Quit()
	}
	if err := harness.CreateDatabase(live, "surgicase"); err != nil {
		t.Fatal(err)
	}
	c, err := live.Admin("surgicase")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Exec(users(1, 4)); err != nil {
		t.Fatal(err)
	}
}

// users is a statement that makes the users USER001 and so on.
func users(first, last int) string {
	var rows []string
	for i := first; i <= last; i++ {
		rows = append(rows, fmt.Sprintf("('USER%03d', 'user%[1]d@example.com', 'First%[1]d', 'Last%[1]d', 1, 1)", i))
	}
	return "INSERT INTO user_profile (user_id, user_email, first_name, last_name, user_type, active) VALUES " + strings.Join(rows, ", ")
}

// seed adds what the application of an installation in use has stored.
func (r *rig) seed(t *testing.T) {
	t.Helper()
	r.shell(t, block{exit: "0", script: `mysql --defaults-group-suffix=_app surgicase -e "
  INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last) VALUES ('two', 'USER002', '2026-01-02', 'Bea', 'Two'), ('three', 'USER003', '2026-01-02', 'Cid', 'Three')"`})
}

func (r *rig) run(t *testing.T, s section) {
	t.Helper()
	for _, b := range s.blocks {
		output := r.shell(t, b)
		if missing, ok := follows(output, r.names.Replace(strings.Join(b.want, "\n"))); !ok {
			t.Fatalf("line %d: %q is not in the output, or not in its place:\n%s", b.line, missing, output)
		}
	}
}

// shell runs a block and returns what it printed.
func (r *rig) shell(t *testing.T, b block) string {
	t.Helper()
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", r.names.Replace(b.script))
	cmd.Env, cmd.Dir = r.environ, r.dir
	output, err := cmd.CombinedOutput()
	if got := fmt.Sprint(cmd.ProcessState.ExitCode()); got != b.exit {
		t.Fatalf("line %d: exit code %s, want %s (%v):\n%s\n%s", b.line, got, b.exit, err, r.names.Replace(b.script), output)
	}
	return string(output)
}

// stop ends the proxies that the blocks have started, and shows their logs when something failed.
func (r *rig) stop(t *testing.T) {
	for _, unit := range []string{"phiproxy", "phiproxy@drill"} {
		cmd := exec.Command("systemctl", "stop", unit)
		cmd.Path, cmd.Env = filepath.Join(r.dir, "bin", "systemctl"), r.environ
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, output)
		}
	}
	if log, err := os.ReadFile(filepath.Join(r.dir, "etc", "phiproxy.log")); err == nil && t.Failed() {
		t.Logf("the proxy's log ends with\n%s", log[max(0, len(log)-3000):])
	}
}

// follows reports whether the wanted lines stand in the output in their order, with others between them, and the first
// one that does not. White space counts as one blank.
func follows(output, want string) (missing string, ok bool) {
	lines := strings.Split(output, "\n")
	for i := range lines {
		lines[i] = strings.Join(strings.Fields(lines[i]), " ")
	}
	for w := range strings.SplitSeq(want, "\n") {
		w = strings.Join(strings.Fields(w), " ")
		if w == "" || w == "..." {
			continue
		}
		pattern := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(w), regexp.QuoteMeta("..."), ".*") + "$")
		at := 0
		for at < len(lines) && !pattern.MatchString(lines[at]) {
			at++
		}
		if at == len(lines) {
			return w, false
		}
		lines = lines[at+1:]
	}
	return "", true
}

func TestFollows(t *testing.T) {
	const output = "one 1\n  two\nthree\n"
	for want, ok := range map[string]bool{
		"": true, "one ...\nthree": true, "two\none 1": false, "...\ntwo": true, "tw": false, "t...o": true, "one 1\none 1": false,
	} {
		if missing, got := follows(output, want); got != ok {
			t.Errorf("%q: %v, missing %q", want, got, missing)
		}
	}
}
