package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"phiproxy/config"
)

// clientTLS is what the proxy offers to clients; nil for none.
func clientTLS(c config.ListenTLS) (*tls.Config, error) {
	if !c.Enabled() {
		return nil, nil
	}
	certificate, err := ownCertificate(c)
	if err != nil {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	if c.ClientCA != "" {
		t.ClientAuth = tls.VerifyClientCertIfGiven
		if t.ClientCAs, err = authorities(c.ClientCA); err != nil {
			return nil, fmt.Errorf("listen.tls.client_ca: %w", err)
		}
	}
	return t, nil
}

func ownCertificate(c config.ListenTLS) (tls.Certificate, error) {
	if c.SelfSigned {
		return selfSigned("phiproxy")
	}
	certificate, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("listen.tls: %w", err)
	}
	return certificate, nil
}

// selfSignedLife is long enough that no process outlives its certificate.
const selfSignedLife = 10 * 365 * 24 * time.Hour

// selfSigned makes a certificate whose key never leaves this process.
func selfSigned(name string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, DNSNames: []string{name, "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
		NotBefore:   now.Add(-time.Hour), NotAfter: now.Add(selfSignedLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// backendTLS is how the proxy speaks to the database server; nil for plain.
func backendTLS(b config.Backend) (*tls.Config, error) {
	if b.TLS.Mode == config.TLSDisable {
		return nil, nil
	}
	var host string
	var err error
	if !config.UnixSocket(b.Address) {
		if host, _, err = net.SplitHostPort(b.Address); err != nil {
			return nil, fmt.Errorf("backend.address: %w", err)
		}
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host, InsecureSkipVerify: b.TLS.Mode == config.TLSRequire}
	if b.TLS.ServerName != "" {
		t.ServerName = b.TLS.ServerName
	}
	if b.TLS.CA != "" {
		if t.RootCAs, err = authorities(b.TLS.CA); err != nil {
			return nil, fmt.Errorf("backend.tls.ca: %w", err)
		}
	}
	if b.TLS.Cert != "" {
		certificate, err := tls.LoadX509KeyPair(b.TLS.Cert, b.TLS.Key)
		if err != nil {
			return nil, fmt.Errorf("backend.tls: %w", err)
		}
		t.Certificates = []tls.Certificate{certificate}
	}
	return t, nil
}

func authorities(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("the file holds no certificate")
	}
	return pool, nil
}
