// Package harness runs the real phiproxy program for end-to-end tests: it builds it once, writes its configuration, lets
// it prepare a database, and starts it.
package harness

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"text/template"
	"time"

	"phiproxy/e2e/client"
	"phiproxy/e2e/process"
	"phiproxy/e2e/servers"
)

// Proxy is a running phiproxy in front of one database of one server.
type Proxy struct {
	Addr      string // of the MySQL port
	AdminAddr string // of the HTTP port
	Dir       string
	Database  string
	Server    *servers.Server
	Process   *process.Process
	options   Options
}

// Options vary a proxy.
type Options struct {
	Server     *servers.Server
	Database   string // surgicase when ""
	Backend    string // address to use instead of the server's own
	KMS        string // URL of a KMS emulator; local keys when ""
	KeyTTL     string // keys.cache_ttl
	ListenTLS  bool
	RequireTLS bool   // clients must use TLS
	BackendTLS string // disable (when ""), require or verify
	Scratch    string // the section scratch; a server of the backend's family when ""
	Tables     string // further YAML entries of tables
	Extra      string // further YAML at the top level, e.g. limits
	Admin      string // further YAML lines in the section admin, e.g. tokens
	Listen     string // in the section listen
	// BackendLines are further YAML lines in the section backend.
	BackendLines string
	Migrating    bool
	Env          []string
}

// Files of a proxy's directory.
const (
	configFile    = "phiproxy.yaml"
	logFile       = "phiproxy.log"
	masterKeyFile = "master.key"
)

var configText = template.Must(template.New("config").Parse(`
listen:
  address: {{.Addr}}
{{.O.Listen}}
{{- if .O.ListenTLS}}
  tls:
    cert: {{.O.Server.PKI.CertFile}}
    key: {{.O.Server.PKI.KeyFile}}
    require: {{.O.RequireTLS}}
{{- end}}
backend:
  address: {{.Backend}}
{{.O.BackendLines}}
  tls:
    mode: {{.O.BackendTLS}}
{{- if eq .O.BackendTLS "verify"}}
    ca: {{.O.Server.PKI.CAFile}}
    server_name: localhost
{{- end}}
tables:
  - schema: {{.O.Database}}
    table: cases
    owner: user_id
    migrating: {{.O.Migrating}}
    columns: [patient_first, patient_last, ins_provider, patient_dob]
  - schema: {{.O.Database}}
    table: deleted_cases
    owner: user_id
    family: cases
    migrating: {{.O.Migrating}}
    columns: [patient_first, patient_last, ins_provider, patient_dob]
{{.O.Tables}}
keys:
{{- if .O.KMS}}
  provider: aws
  region: us-east-1
  endpoint: {{.O.KMS}}
  timeout: 2s
{{- else}}
  provider: local
  local_file: {{.Dir}}/master.key
{{- end}}
{{- if .O.KeyTTL}}
  cache_ttl: {{.O.KeyTTL}}
{{- end}}
  store:
    dsn: {{.StoreUser}}:{{.StorePassword}}@tcp({{.Store}})/{{.O.Database}}
admin:
  address: {{.AdminAddr}}
{{.O.Admin}}
scratch: {{.O.Scratch}}
log:
  level: debug
{{.O.Extra}}
`))

// Configure writes the configuration of a proxy into a new directory, without starting anything.
func Configure(o Options) (*Proxy, error) {
	if o.Database == "" {
		o.Database = servers.Schema
	}
	if o.BackendTLS == "" {
		o.BackendTLS = "disable"
	}
	if o.Backend == "" {
		o.Backend = o.Server.Addr
	}
	dir, err := os.MkdirTemp("/tmp", "phiproxy-e2e-proxy-")
	if err != nil {
		return nil, err
	}
	if o.Scratch == "" {
		if o.Scratch, err = servers.ScratchConfig(o.Server.Kind, dir); err != nil {
			return nil, err
		}
	}
	p := &Proxy{Dir: dir, Database: o.Database, Server: o.Server, options: o}
	if p.Addr, err = freeAddr(); err != nil {
		return nil, err
	}
	if p.AdminAddr, err = freeAddr(); err != nil {
		return nil, err
	}
	return p, p.writeConfig()
}

func freeAddr() (string, error) {
	port, err := servers.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

func (p *Proxy) writeConfig() error {
	var b strings.Builder
	store := p.options.Backend
	if strings.HasPrefix(store, "/") {
		store = p.options.Server.Addr
	}
	err := configText.Execute(&b, map[string]any{
		"Addr": p.Addr, "AdminAddr": p.AdminAddr, "Dir": p.Dir, "Backend": p.options.Backend, "Store": store, "O": p.options,
		"StoreUser": servers.StoreUser, "StorePassword": servers.StorePassword,
	})
	if err != nil {
		return err
	}
	return os.WriteFile(p.ConfigFile(), []byte(b.String()), 0o600)
}

// ConfigFile is the path of the configuration.
func (p *Proxy) ConfigFile() string { return filepath.Join(p.Dir, configFile) }

// LogFile is the path of everything the program printed.
func (p *Proxy) LogFile() string { return filepath.Join(p.Dir, logFile) }

// Start configures a proxy, prepares the database and runs the proxy. The tables must exist.
func Start(o Options) (*Proxy, error) {
	p, err := Configure(o)
	if err != nil {
		return nil, err
	}
	if out, err := p.Command("schema", "apply"); err != nil {
		return nil, errors.Join(fmt.Errorf("phiproxy schema apply: %w\n%s", err, out), os.RemoveAll(p.Dir))
	}
	return p, p.Run()
}

// StartPrepared configures and runs a proxy over a database that another proxy's Start has prepared, with that proxy's keys.
func StartPrepared(o Options, first *Proxy) (*Proxy, error) {
	p, err := Configure(o)
	if err != nil {
		return nil, err
	}
	if err := p.TakeKeys(first); err != nil {
		return nil, err
	}
	return p, p.Run()
}

// TakeKeys gives a proxy the local master key of another.
func (p *Proxy) TakeKeys(from *Proxy) error {
	if p.options.KMS != "" {
		return nil
	}
	key, err := os.ReadFile(filepath.Join(from.Dir, masterKeyFile))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.Dir, masterKeyFile), key, 0o600)
}

// Command runs another phiproxy command with the proxy's configuration and returns what it printed.
func (p *Proxy) Command(args ...string) (string, error) {
	cmd, err := p.command(args...)
	if err != nil {
		return "", err
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p *Proxy) command(args ...string) (*exec.Cmd, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(binary, append(args, "--config", p.ConfigFile())...)
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_EC2_METADATA_DISABLED=true")
	cmd.Env = append(cmd.Env, p.options.Env...)
	return cmd, nil
}

const readyTimeout = 20 * time.Second

// Run starts the configured proxy and waits until it greets.
func (p *Proxy) Run() error {
	cmd, err := p.command("serve")
	if err != nil {
		return err
	}
	if p.Process, err = process.Start(cmd, p.LogFile()); err != nil {
		return err
	}
	deadline := time.Now().Add(readyTimeout)
	for {
		conn, err := net.Dial("tcp", p.Addr)
		if err == nil {
			return conn.Close()
		}
		if p.Process.Exited() || time.Now().After(deadline) {
			log, _ := os.ReadFile(p.LogFile())
			return errors.Join(fmt.Errorf("phiproxy serve: %w\n%s", err, log), p.Process.Kill())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// Stop stops the proxy and removes its directory.
func (p *Proxy) Stop() error {
	var err error
	if p.Process != nil && !p.Process.Exited() {
		err = p.Process.Stop()
	}
	return errors.Join(err, os.RemoveAll(p.Dir))
}

// App logs in through the proxy as the application does.
func (p *Proxy) App() (*client.Conn, error) {
	return client.Dial(client.Options{Addr: p.Addr, User: servers.AppUser, Password: servers.AppPassword, Database: p.Database})
}

// Direct logs in to the server as the application would without the proxy.
func Direct(s *servers.Server, database string) (*client.Conn, error) {
	return client.Dial(client.Options{Addr: s.Addr, User: servers.AppUser, Password: servers.AppPassword, Database: database})
}

// Binary is the path of phiproxy, built when first asked for.
var Binary = sync.OnceValues(func() (string, error) { return build("phiproxy") })

// RemoveBinaries removes what was built, at the end of a test run.
func RemoveBinaries() error {
	if err := os.Remove(binaryPath("phiproxy")); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func binaryPath(name string) string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("phiproxy-e2e-%d-%s", os.Getpid(), name))
}

// build builds ./cmd/name of this module.
func build(name string) (string, error) {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..")
	out := binaryPath(name)
	cmd := exec.Command("go", "build", "-o", out, "./cmd/"+name)
	cmd.Dir = root
	if text, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/%s: %w\n%s", name, err, text)
	}
	return out, nil
}
