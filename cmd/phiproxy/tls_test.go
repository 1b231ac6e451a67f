package main

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"

	"phiproxy/config"
)

// writePair makes a self-signed certificate in two PEM files.
func writePair(t *testing.T) (cert, key string) {
	t.Helper()
	pair, err := selfSigned("db.internal")
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: pair.Certificate[0]}, key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// handshake connects the two sides over loopback and returns the client's error.
func handshake(t *testing.T, client, server *tls.Config) error {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", server)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = conn.(*tls.Conn).Handshake() // the client's side is what the test looks at
		_ = conn.Close()
	}()
	conn, err := tls.Dial("tcp", l.Addr().String(), client)
	if err != nil {
		return err
	}
	return conn.Close()
}

func TestBackendTLS(t *testing.T) {
	cert, key := writePair(t)
	server, err := clientTLS(config.ListenTLS{Cert: cert, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		address string
		tls     config.BackendTLS
		ok      bool
	}{
		{"verified", "db.internal:3306", config.BackendTLS{Mode: config.TLSVerify, CA: cert}, true},
		{"another name", "other.internal:3306", config.BackendTLS{Mode: config.TLSVerify, CA: cert}, false},
		{"another name that is expected", "other.internal:3306", config.BackendTLS{Mode: config.TLSVerify, CA: cert, ServerName: "db.internal"}, true},
		{"unknown authority", "db.internal:3306", config.BackendTLS{Mode: config.TLSVerify}, false},
		{"not verified", "other.internal:3306", config.BackendTLS{Mode: config.TLSRequire}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, err := backendTLS(config.Backend{Address: c.address, TLS: c.tls})
			if err != nil {
				t.Fatal(err)
			}
			if err := handshake(t, client, server); (err == nil) != c.ok {
				t.Error(err)
			}
		})
	}
}

func TestTLSThatIsOff(t *testing.T) {
	client, err := backendTLS(config.Backend{Address: "db:1", TLS: config.BackendTLS{Mode: config.TLSDisable}})
	if client != nil || err != nil {
		t.Error(client, err)
	}
	server, err := clientTLS(config.ListenTLS{})
	if server != nil || err != nil {
		t.Error(server, err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	server, err := clientTLS(config.ListenTLS{SelfSigned: true})
	if err != nil {
		t.Fatal(err)
	}
	old := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if handshake(t, old, server) == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

func TestFilesThatAreNoCertificates(t *testing.T) {
	_, key := writePair(t)
	if _, err := backendTLS(config.Backend{Address: "db:1", TLS: config.BackendTLS{Mode: config.TLSVerify, CA: key}}); err == nil {
		t.Error("a key was taken for an authority")
	}
	if _, err := clientTLS(config.ListenTLS{Cert: key, Key: key}); err == nil {
		t.Error("a key was taken for a certificate")
	}
}

// A client may show a certificate of the configured authorities, or none; one of others ends the connection.
func TestClientCertificates(t *testing.T) {
	cert, key := writePair(t)
	if _, err := clientTLS(config.ListenTLS{SelfSigned: true, ClientCA: key}); err == nil {
		t.Error("a key was taken for an authority")
	}
	server, err := clientTLS(config.ListenTLS{SelfSigned: true, ClientCA: cert})
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := selfSigned("stranger")
	if err != nil {
		t.Fatal(err)
	}
	// Up to TLS 1.2 the client learns in the handshake what the server thinks of its certificate.
	client := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	if err := handshake(t, client, server); err != nil {
		t.Error(err)
	}
	client.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }
	if handshake(t, client, server) == nil {
		t.Error("a stranger's certificate was taken")
	}
}

// The store's account is verified under its own host name, unless it is the backend.
func TestStoreTLS(t *testing.T) {
	b := config.Backend{Address: "db:3306", TLS: config.BackendTLS{Mode: config.TLSVerify}}
	for address, want := range map[string]string{"db:3306": "db", "keys:3306": "keys"} {
		got, err := storeTLS(b, address)
		if err != nil || got.ServerName != want {
			t.Errorf("%s: %v, %v", address, got, err)
		}
	}
}
