package proxy

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite/fault"
)

// Steps of caching_sha2_password (MySQL manual, "Caching_sha2_password information").
const (
	fastAuthSuccess   = 3 // server: the proof was right, OK follows
	fullAuthRequested = 4 // server: send the password itself
	publicKeyRequest  = 2 // client: send me your public key, to encrypt the password with
)

// sha256KeyRequest is what publicKeyRequest is in sha256_password, which asks for the password at once. Servers name this
// plugin for users that do not exist.
const sha256KeyRequest = 1

// dialogPlugin asks the user what the server wants to know.
const dialogPlugin = "dialog"

const passwordKeyBits = 2048

// newPasswordKey makes the key that clients without TLS encrypt their password with when only the backend leg has TLS.
func newPasswordKey() (*rsa.PrivateKey, error) {
	return rsa.GenerateKey(rand.Reader, passwordKeyBits)
}

// relayAuth carries the proof of the client's password to the backend, step by step, until the backend is convinced or
// not. The steps of plugins that it does not know are passed on as they come.
func (s *session) relayAuth(plugin string) error {
	for {
		p, err := s.backend.ReadPacket()
		if err != nil {
			return err
		}
		if len(p) == 0 {
			return backendError(errOutOfStep)
		}
		switch {
		case packet.IsOK(p):
			return s.loggedIn(p)
		case packet.IsErr(p):
			return newServerError(p)
		case p[0] == mysql.EOF_HEADER:
			plugin, err = s.switchPlugin(p)
		case s.has(mysql.MULTI_FACTOR_AUTHENTICATION) && packet.IsNextFactor(p):
			plugin, err = s.nextFactor(p)
		case plugin == mysql.AUTH_CACHING_SHA2_PASSWORD && bytes.Equal(p, []byte{mysql.MORE_DATE_HEADER, fastAuthSuccess}):
			err = s.client.WritePacket(p)
		case plugin == mysql.AUTH_CACHING_SHA2_PASSWORD && bytes.Equal(p, []byte{mysql.MORE_DATE_HEADER, fullAuthRequested}):
			err = s.carryPassword(p, publicKeyRequest)
		default:
			err = s.ask(p)
		}
		if err != nil {
			return err
		}
	}
}

// loggedIn passes the OK on that ends a login or COM_CHANGE_USER.
func (s *session) loggedIn(p []byte) error {
	s.setDirty()
	ok, err := s.readOK(p)
	if err != nil {
		return err
	}
	return s.sendOK(ok)
}

// ask passes a step of the server on and the client's answer back.
func (s *session) ask(p []byte) error {
	answer, err := s.askClient(p)
	if err != nil {
		return err
	}
	return s.backend.WritePacket(answer)
}

func (s *session) askClient(p []byte) ([]byte, error) {
	if err := s.client.WritePacket(p); err != nil {
		return nil, err
	}
	return s.client.ReadPacket()
}

func (s *session) askBackend(p []byte) ([]byte, error) {
	if err := s.backend.WritePacket(p); err != nil {
		return nil, err
	}
	return s.backend.ReadPacket()
}

// switchPlugin passes on the server's wish for another plugin and the client's first step with it.
func (s *session) switchPlugin(p []byte) (plugin string, err error) {
	var r packet.AuthSwitchRequest
	if err := r.Decode(p); err != nil {
		return "", backendError(err)
	}
	return r.Plugin, s.startPlugin(r.Plugin, r.Data, p)
}

// nextFactor does the same for a further factor.
func (s *session) nextFactor(p []byte) (plugin string, err error) {
	var r packet.AuthNextFactor
	if err := r.Decode(p); err != nil {
		return "", backendError(err)
	}
	return r.Plugin, s.startPlugin(r.Plugin, r.Data, p)
}

// startPlugin carries the first step with a plugin that the server asks for by p.
func (s *session) startPlugin(plugin string, challenge, p []byte) error {
	s.nonce = bytes.Clone(bytes.TrimSuffix(challenge, []byte{0}))
	switch {
	case plugin == mysql.AUTH_SHA256_PASSWORD:
		return s.carryPassword(p, sha256KeyRequest)
	case !s.mayCarry(plugin):
		return fault.PasswordPath.With("plugin %s", pluginName(plugin))
	}
	return s.ask(p)
}

// pluginName is a plugin as the log may show it.
func pluginName(plugin string) string {
	if len(plugin) > 64 {
		return plugin[:64]
	}
	return plugin
}

// mayCarry reports whether a plugin's first step means the same on both legs. Those named send the password in the
// clear over TLS (MariaDB's dialog always, for PAM); passing that on to a leg without TLS would expose it, and the other way round the server would not get
// what it expects. Where the server asks for the password later, carryPassword bridges the two.
func (s *session) mayCarry(plugin string) bool {
	switch plugin {
	case mysql.AUTH_CLEAR_PASSWORD, dialogPlugin:
		return s.backendSecure() || !s.client.Secure()
	case mysql.AUTH_SHA256_PASSWORD:
		return s.backendSecure() == s.client.Secure()
	}
	return true
}

// backendSecure tells whether the backend leg is or will be one over which passwords may go in the clear.
func (s *session) backendSecure() bool {
	return s.srv.cfg.BackendTLS != nil || s.backend.Secure()
}

// carryPassword passes on the server's wish for the password itself, and the password back. Each side takes it in the
// clear over TLS and encrypted with the other side's public key without; where the legs differ the proxy stands between.
// keyRequest is the plugin's way of asking for a key.
func (s *session) carryPassword(wish []byte, keyRequest byte) error {
	answer, err := s.askClient(wish)
	if err != nil {
		return err
	}
	switch {
	case s.client.Secure() == s.backendSecure() || bytes.Equal(answer, []byte{0}): // an empty password is never encrypted
		return s.backend.WritePacket(answer)
	case s.client.Secure():
		return s.encryptPassword(answer, keyRequest)
	case !bytes.Equal(answer, []byte{keyRequest}):
		return fault.PasswordPath.With("the client holds a public key of its own")
	}
	return s.decryptPassword()
}

// encryptPassword sends a password that came in the clear, NUL at its end, to a server without TLS.
func (s *session) encryptPassword(clear []byte, keyRequest byte) error {
	clear = bytes.Clone(clear)
	defer wipe(clear)
	reply, err := s.askBackend([]byte{keyRequest})
	if err != nil {
		return err
	}
	if packet.IsErr(reply) {
		return newServerError(reply)
	}
	key, err := serverKey(reply)
	if err != nil {
		return backendError(err)
	}
	xor(clear, s.nonce)
	sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, clear, nil)
	if err != nil {
		return fault.PasswordPath.With("%v", err)
	}
	return s.backend.WritePacket(sealed)
}

// serverKey reads the server's answer to publicKeyRequest.
func serverKey(reply []byte) (*rsa.PublicKey, error) {
	var more packet.AuthMoreData
	if err := more.Decode(reply); err != nil {
		return nil, err
	}
	block, _ := pem.Decode(more.Data)
	if block == nil {
		return nil, errors.New("the server's public key is not PEM")
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("the server's public key cannot be read")
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the server's public key is not RSA")
	}
	return key, nil
}

// decryptPassword answers a client without TLS with the proxy's own key and sends what it encrypts to a server with TLS.
func (s *session) decryptPassword() error {
	key, err := s.srv.key()
	if err != nil {
		return fault.PasswordPath.With("%v", err)
	}
	offer, err := publicKeyOffer(&key.PublicKey)
	if err != nil {
		return fault.PasswordPath.With("%v", err)
	}
	sealed, err := s.askClient(offer)
	if err != nil {
		return err
	}
	password, err := rsa.DecryptOAEP(sha1.New(), nil, key, sealed, nil)
	if err != nil {
		return fault.PasswordPath.With("the client's answer does not decrypt")
	}
	defer wipe(password)
	xor(password, s.nonce)
	return s.backend.WritePacket(password)
}

// xor mixes the challenge into a password, or takes it out again.
func xor(p, nonce []byte) {
	if len(nonce) == 0 {
		return
	}
	for i := range p {
		p[i] ^= nonce[i%len(nonce)]
	}
}

func publicKeyOffer(key *rsa.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	offer := packet.AuthMoreData{Data: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
	return offer.Append(nil), nil
}

func wipe(p []byte) { clear(p) }
