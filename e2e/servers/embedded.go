package servers

import (
	"context"
	"crypto/tls"
	"errors"

	"phiproxy/embedded"
)

// embeddedProcess is the server that runs inside the tests.
type embeddedProcess struct{ *embedded.Server }

// Stop forgives what the library answers when sessions are still open.
func (e embeddedProcess) Stop() error {
	if err := e.Close(); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (e embeddedProcess) Kill() error { return e.Stop() }

func (s *Server) startEmbedded(o Options) error {
	s.Plugin = "mysql_native_password"
	var accounts []embedded.Account
	for _, a := range s.accounts() {
		accounts = append(accounts, embedded.Account(a))
	}
	options := embedded.Options{Databases: []string{Schema}, Accounts: accounts}
	if !o.NoTLS {
		certificate, err := tls.LoadX509KeyPair(s.PKI.CertFile, s.PKI.KeyFile)
		if err != nil {
			return err
		}
		options.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	running, err := embedded.Start("127.0.0.1:0", options)
	if err != nil {
		return err
	}
	s.process, s.Addr = embeddedProcess{running}, running.Addr()
	return s.waitReady()
}

// Schema is the database that the embedded server has from the start.
const Schema = "surgicase"
