package audit

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
)

// PublicSuffix is put behind the name of a key file for the file of its public half.
const PublicSuffix = ".pub"

const (
	privateBlock = "PRIVATE KEY" // PKCS #8, RFC 5958
	publicBlock  = "PUBLIC KEY"  // SubjectPublicKeyInfo, RFC 5280
)

var (
	errKeyForm = errors.New("audit: the file holds no Ed25519 key in PEM")
	errKeyMode = errors.New("audit: the key file may be read or written by others: its mode must be 0600")
)

// NewKey makes a key pair: the private key in file, which must not exist, with mode 0600, and the public key beside it in
// file.pub. `openssl genpkey -algorithm ed25519` makes the same.
func NewKey(file string) (ed25519.PrivateKey, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	open, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	if err := writeNew(file, privateBlock, secret, 0o600); err != nil {
		return nil, err
	}
	return private, writeNew(file+PublicSuffix, publicBlock, open, 0o644)
}

func writeNew(file, block string, der []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	return errors.Join(pem.Encode(f, &pem.Block{Type: block, Bytes: der}), f.Sync(), f.Close())
}

// ReadKey reads a private key, in PEM of PKCS #8. The file may be accessible to its owner only.
func ReadKey(file string) (ed25519.PrivateKey, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, errKeyMode
	}
	block, err := readBlock(file)
	if err != nil {
		return nil, err
	}
	return privateKey(block)
}

func privateKey(block *pem.Block) (ed25519.PrivateKey, error) {
	if block.Type != privateBlock {
		return nil, errKeyForm
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	private, ok := key.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, errKeyForm
	}
	return private, nil
}

// ReadPublicKey reads a PEM file with an Ed25519 public key, or with a private key as NewKey makes it.
func ReadPublicKey(file string) (ed25519.PublicKey, error) {
	block, err := readBlock(file)
	if err != nil {
		return nil, err
	}
	if block.Type != publicBlock {
		private, err := privateKey(block)
		if err != nil {
			return nil, err
		}
		return private.Public().(ed25519.PublicKey), nil
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	public, ok := key.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, errKeyForm
	}
	return public, nil
}

func readBlock(file string) (*pem.Block, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errKeyForm
	}
	return block, nil
}

// keyID names a public key in records.
func keyID(key ed25519.PublicKey) string {
	const bytes = 8
	sum := sha256.Sum256(key)
	return hex.EncodeToString(sum[:bytes])
}

// statement is what a signature is made over: that the log has this hash behind record n.
func statement(log string, c chain) []byte {
	b := append([]byte("phiproxy access log v1\x00"), log...)
	b = strconv.AppendUint(append(b, 0), c.n, 10)
	return append(append(b, 0), c.hash[:]...)
}

func sign(key ed25519.PrivateKey, log string, c chain) signRecord {
	return signRecord{
		Key: keyID(key.Public().(ed25519.PublicKey)),
		Sig: hex.EncodeToString(ed25519.Sign(key, statement(log, c))),
	}
}

// verify says why a signature over the chain is none of the key's.
func (s signRecord) verify(key ed25519.PublicKey, log string, c chain) error {
	if s.Key != keyID(key) {
		return fmt.Errorf("signed with another key (%.16s)", s.Key)
	}
	sig, err := hex.DecodeString(s.Sig)
	if err != nil || !ed25519.Verify(key, statement(log, c), sig) {
		return errors.New("the signature is not the key's: a line before this one was changed, removed or added, and the hashes made anew")
	}
	return nil
}
