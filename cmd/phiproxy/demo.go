package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"phiproxy/admin"
	"phiproxy/config"
	"phiproxy/embedded"
	"phiproxy/embedded/surgicase"
)

const (
	demoDatabase = "surgicase"
	demoUser     = "surgicase"
	demoPassword = "demo" // of a database that lives in this process, on loopback, with made-up patients
	demoSeed     = 2025
	demoUsers    = 3
	demoCases    = 12 // of each user

	demoTokenLife = 60 * 24 * time.Hour // it ends with the demonstration
)

func demoCommand() command {
	return command{
		name: "demo", short: "show everything on this machine, without a database server",
		long: "Starts an embedded MySQL-compatible server with the tables of a sample application, a local key file, the proxy and its admin port; fills the tables with made-up patients through the proxy; shows what an application sees beside what the database stores; and serves until Ctrl-C. Everything is thrown away at the end.",
		setup: func(flags *flag.FlagSet) runner {
			once := flags.Bool("once", false, "end after the tour")
			return func(ctx context.Context, env environment, _ []string) error {
				ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
				defer stop()
				return runDemo(ctx, env, stop, *once)
			}
		},
	}
}

// demo is a running demonstration.
type demo struct {
	env      environment
	dir      string // key file, certificate and configuration; removed at the end
	server   *embedded.Server
	cfg      *config.Config
	listen   listeners
	password string // of the proxy's own account
	token    string // of the admin port
}

func runDemo(ctx context.Context, env environment, stop func(), once bool) (err error) {
	d := &demo{env: env, password: rand.Text()}
	if d.dir, err = os.MkdirTemp("", "phiproxy-demo-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(d.dir)) }()
	if err := d.startServer(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.server.Close()) }()
	if err := d.configure(); err != nil {
		return err
	}
	a, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	served := make(chan error, 1)
	go func() { served <- a.serveOn(ctx, d.listen, stop) }()
	if err = d.tour(ctx); err != nil || once {
		cancel()
	} else {
		d.printAddresses()
	}
	return errors.Join(err, <-served, a.close())
}

// startServer runs the embedded server with TLS, which its logins by caching_sha2_password need.
func (d *demo) startServer() error {
	certificate, err := selfSigned("phiproxy-demo")
	if err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})
	if err := os.WriteFile(d.path("server.pem"), public, 0o600); err != nil {
		return err
	}
	d.server, err = embedded.Start("127.0.0.1:0", embedded.Options{
		Databases: []string{demoDatabase},
		Accounts: []embedded.Account{
			{User: demoUser, Password: demoPassword, Plugin: "caching_sha2_password"},
			{User: "phiproxy", Password: d.password},
		},
		TLS:        &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}},
		Statements: surgicase.SchemaStatements(),
	})
	return err
}

func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

const demoConfig = `# What phiproxy demo runs with. It ends with the demonstration.
listen:
  address: %s
  tls: {self_signed: true}
backend:
  address: %s
  tls: {mode: verify, ca: %s}
tables:
  - schema: surgicase
    table: cases
    owner: user_id
    columns: [patient_first, patient_last, ins_provider, patient_dob]
  - schema: surgicase
    table: deleted_cases
    owner: user_id
    family: cases
    columns: [patient_first, patient_last, ins_provider, patient_dob]
keys:
  provider: local
  local_file: %s
  store: {dsn: "phiproxy:%s@tcp(%s)/surgicase"}
admin:
  address: %s
  tokens:
    - {name: demo, sha256: %s, role: admin, expires: %s, user_id: %s}
audit: {dir: %s, key_file: %s}
scratch: embedded
log: {level: warn, format: console}
limits: {drain_timeout: 2s}
`

// configure opens the ports and writes a configuration file, so that other commands can be tried beside the demonstration.
func (d *demo) configure() (err error) {
	if d.listen.mysql, err = listenNear("127.0.0.1:3307"); err != nil {
		return err
	}
	if d.listen.admin, err = listenNear("127.0.0.1:8306"); err != nil {
		return err
	}
	var hash string
	if d.token, hash, err = admin.NewToken("demo"); err != nil {
		return err
	}
	text := fmt.Sprintf(demoConfig, d.listen.mysql.Addr(), d.server.Addr(), d.path("server.pem"), d.path("master.key"), d.password, d.server.Addr(),
		d.listen.admin.Addr(), hash, time.Now().Add(demoTokenLife).UTC().Format(time.RFC3339), surgicase.Administrator, d.path("access"), d.path("access.key"))
	if err := os.WriteFile(d.path("phiproxy.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	d.cfg, err = config.Load(d.path("phiproxy.yaml"), nil)
	return err
}

// listenNear listens on the address, or on another port of the host when that one is taken.
func listenNear(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		host, _, _ := net.SplitHostPort(address)
		return net.Listen("tcp", net.JoinHostPort(host, "0"))
	}
	return l, err
}

// prepare does what an operator does once, `phiproxy schema apply`, and wires the proxy.
func (d *demo) prepare(ctx context.Context) (*assembly, error) {
	if err := applySchema(ctx, d.cfg, io.Discard); err != nil {
		return nil, err
	}
	log, err := newLogger(d.cfg.Log)
	if err != nil {
		return nil, err
	}
	a, err := assemble(ctx, d.cfg, log)
	if err == nil {
		a.reload = adminReload(d.path("phiproxy.yaml"), d.env)
	}
	return a, err
}
