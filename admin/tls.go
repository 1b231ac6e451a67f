package admin

import (
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// tlsConfig is the port's TLS; nil without. Client certificates are verified when one is sent, since a token does as well.
func (s *Server) tlsConfig() (*tls.Config, error) {
	c := s.options.Config.TLS
	if !c.Enabled() {
		return nil, nil
	}
	if err := s.loadCertificate(); err != nil {
		return nil, err
	}
	t := &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.cert.Load(), nil },
	}
	if c.ClientCA == "" {
		return t, nil
	}
	pem, err := os.ReadFile(c.ClientCA)
	if err != nil {
		return nil, fmt.Errorf("admin.tls.client_ca: %w", err)
	}
	t.ClientAuth, t.ClientCAs = tls.VerifyClientCertIfGiven, x509.NewCertPool()
	if !t.ClientCAs.AppendCertsFromPEM(pem) {
		return nil, errors.New("admin.tls.client_ca: the file holds no certificate")
	}
	return t, nil
}

// loadCertificate reads the port's own certificate; a self-signed one is made once.
func (s *Server) loadCertificate() error {
	c := s.options.Config.TLS
	var certificate tls.Certificate
	var err error
	switch {
	case c.Cert != "":
		certificate, err = tls.LoadX509KeyPair(c.Cert, c.Key)
	case s.cert.Load() == nil && c.SelfSigned:
		certificate, err = s.options.SelfSigned()
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("admin.tls: %w", err)
	}
	s.cert.Store(&certificate)
	return nil
}

// equal compares in constant time, but for the length.
func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
