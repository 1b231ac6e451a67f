package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"phiproxy/e2e/harness"
	"phiproxy/e2e/process"
	"phiproxy/e2e/servers"
)

// endpoint is one way to the database.
type endpoint struct {
	name     string
	addr     string
	database string // its own copy of the application's tables
	process  *process.Process
}

// cpu is the processor time that the endpoint's own process has used.
func (e *endpoint) cpu() (uint64, error) {
	if e.process == nil {
		return 0, nil
	}
	return e.process.CPU()
}

// Names of the endpoints, in the order of the report.
const (
	direct   = "direct"
	haproxy  = "haproxy"
	phiproxy = "phiproxy"
)

// sysbenchDatabase holds sysbench's own tables, which no endpoint protects.
const sysbenchDatabase = "sbtest"

// rig is everything that runs.
type rig struct {
	options   options
	dir       string
	server    *servers.Server
	version   string
	endpoints []*endpoint
	metrics   string // address of phiproxy's admin port
}

// newRig starts the server, the proxies, and loads the data through each endpoint. What was started is returned with an error, too.
func newRig(o options) (*rig, error) {
	r := &rig{options: o}
	var err error
	if r.dir, err = os.MkdirTemp("/tmp", "phiproxy-bench-"); err != nil {
		return r, err
	}
	progress("starting %s", o.server)
	if r.server, err = servers.Start(servers.Kind(o.server), servers.Options{NoTLS: true}); err != nil {
		return r, err
	}
	r.endpoints = []*endpoint{{name: direct, addr: r.server.Addr}, {name: haproxy}, {name: phiproxy}}
	for _, e := range r.endpoints {
		e.database = "bench_" + e.name
		if err := harness.CreateDatabase(r.server, e.database); err != nil {
			return r, err
		}
	}
	for _, step := range []func() error{r.readVersion, r.startHAProxy, r.startPhiproxy, r.loadSysbench, r.load} {
		if err := step(); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (r *rig) close() error {
	var err error
	for _, e := range r.endpoints {
		switch {
		case e.process == nil || e.process.Exited():
		case e.name == haproxy: // which does not exit cleanly
			err = errors.Join(err, e.process.Kill())
		default:
			err = errors.Join(err, e.process.Stop())
		}
	}
	if r.server != nil {
		err = errors.Join(err, r.server.Stop())
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}

func (r *rig) endpoint(name string) *endpoint {
	for _, e := range r.endpoints {
		if e.name == name {
			return e
		}
	}
	panic("no endpoint " + name)
}

func (r *rig) readVersion() error {
	db, err := open(r.endpoint(direct), "")
	if err != nil {
		return err
	}
	defer db.Close()
	return db.QueryRow("SELECT VERSION()").Scan(&r.version)
}

// start runs a program that is to listen on the endpoint's address.
func (r *rig) start(e *endpoint, cmd *exec.Cmd) (err error) {
	if e.process, err = process.Start(cmd, filepath.Join(r.dir, e.name+".log")); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", e.addr); err == nil {
			return conn.Close()
		}
		if e.process.Exited() || time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(r.dir, e.name+".log"))
			return fmt.Errorf("%s does not listen: %s", e.name, log)
		}
	}
}

func freeAddr() (string, error) {
	port, err := servers.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

const haproxyConfig = `global
  maxconn 2000
defaults
  mode tcp
  timeout connect 5s
  timeout client 1h
  timeout server 1h
listen mysql
  bind %s
  server database %s
`

func (r *rig) startHAProxy() (err error) {
	e := r.endpoint(haproxy)
	if e.addr, err = freeAddr(); err != nil {
		return err
	}
	file := filepath.Join(r.dir, "haproxy.cfg")
	if err := os.WriteFile(file, fmt.Appendf(nil, haproxyConfig, e.addr, r.server.Addr), 0o600); err != nil {
		return err
	}
	return r.start(e, exec.Command("haproxy", "-db", "-f", file))
}

const phiproxyConfig = `listen:
  address: %[1]s
backend:
  address: %[2]s
  tls:
    mode: disable
tables:
  - schema: %[3]s
    table: cases
    owner: user_id
    columns: [patient_first, patient_last, ins_provider, patient_dob]
keys:
  provider: local
  local_file: %[4]s/master.key
  store:
    dsn: %[5]s:%[6]s@tcp(%[2]s)/%[3]s
admin:
  address: %[7]s
  open_metrics: true
scratch: %[8]s
`

func (r *rig) startPhiproxy() (err error) {
	e := r.endpoint(phiproxy)
	if e.addr, err = freeAddr(); err != nil {
		return err
	}
	binary, err := harness.Binary()
	if err != nil {
		return err
	}
	if r.metrics, err = freeAddr(); err != nil {
		return err
	}
	scratch, err := servers.ScratchConfig(r.server.Kind, r.dir)
	if err != nil {
		return err
	}
	file := filepath.Join(r.dir, "phiproxy.yaml")
	text := fmt.Appendf(nil, phiproxyConfig, e.addr, r.server.Addr, e.database, r.dir, servers.StoreUser, servers.StorePassword, r.metrics, scratch)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	if out, err := exec.Command(binary, "schema", "apply", "--config", file).CombinedOutput(); err != nil {
		return fmt.Errorf("phiproxy schema apply: %w\n%s", err, out)
	}
	return r.start(e, exec.Command(binary, "serve", "--config", file))
}
