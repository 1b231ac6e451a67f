package client

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// proof is the answer of an authentication plugin to its challenge.
func proof(plugin, password string, nonce []byte) ([]byte, error) {
	if password == "" {
		return nil, nil
	}
	switch plugin {
	case mysql.AUTH_NATIVE_PASSWORD:
		return mysql.CalcNativePassword(nonce, []byte(password)), nil
	case mysql.AUTH_CACHING_SHA2_PASSWORD:
		return mysql.CalcCachingSha2Password(nonce, []byte(password)), nil
	case mysql.AUTH_CLEAR_PASSWORD:
		return append([]byte(password), 0), nil
	case mysql.AUTH_MARIADB_ED25519:
		return mysql.CalcEd25519Password(nonce, password)
	}
	return nil, fmt.Errorf("authentication plugin %s is not supported", plugin)
}

// ChangeUser logs in again on the same connection, by COM_CHANGE_USER.
func (c *Conn) ChangeUser(o Options) error {
	auth, err := proof(c.Greeting.AuthPlugin, o.Password, c.Greeting.Nonce())
	if err != nil {
		return err
	}
	change := packet.ChangeUser{
		User: []byte(o.User), AuthResponse: auth, Database: []byte(o.Database), Collation: defaultCollation, AuthPlugin: []byte(c.Greeting.AuthPlugin),
	}
	c.start()
	if err := c.Write(change.Append(nil, c.Capabilities)); err != nil {
		return err
	}
	return c.finishLogin(o, c.Greeting.Nonce())
}

// finishLogin answers the server until it says OK or ERR.
func (c *Conn) finishLogin(o Options, nonce []byte) error {
	for {
		b, err := c.Read()
		if err != nil {
			return err
		}
		if len(b) == 0 {
			return packet.ErrMalformed
		}
		switch b[0] {
		case mysql.OK_HEADER:
			if err := c.Login.Decode(b, c.Capabilities); err != nil {
				return err
			}
			c.startCompression()
			return nil
		case mysql.ERR_HEADER:
			return serverError(b)
		case mysql.EOF_HEADER:
			nonce, err = c.switchPlugin(b, o)
		case mysql.MORE_DATE_HEADER:
			err = c.moreData(b[1:], o, nonce)
		default:
			err = packet.ErrMalformed
		}
		if err != nil {
			return err
		}
	}
}

func (c *Conn) switchPlugin(b []byte, o Options) (nonce []byte, err error) {
	var request packet.AuthSwitchRequest
	if err := request.Decode(b); err != nil {
		return nil, err
	}
	nonce = request.Data
	if n := len(nonce); n > 0 && nonce[n-1] == 0 {
		nonce = nonce[:n-1]
	}
	if request.Plugin == mysql.AUTH_SHA256_PASSWORD {
		return nonce, c.fullAuthentication(o)
	}
	answer, err := proof(request.Plugin, o.Password, nonce)
	if err != nil {
		return nil, err
	}
	return nonce, c.Write(answer)
}

// What asks a server for its public key.
const (
	requestPublicKey = 2 // caching_sha2_password
	requestSHA256Key = 1 // sha256_password
)

// fullAuthentication begins sha256_password, which MySQL also pretends for users it does not know: the password itself over
// TLS, or a request for the public key.
func (c *Conn) fullAuthentication(o Options) error {
	if c.Secure() {
		return c.Write(append([]byte(o.Password), 0))
	}
	return c.Write([]byte{requestSHA256Key})
}

// moreData is the rest of caching_sha2_password: nothing on the fast path, else the password itself over TLS, or under the
// server's public key without.
func (c *Conn) moreData(data []byte, o Options, nonce []byte) error {
	switch {
	case len(data) == 1 && data[0] == mysql.CACHE_SHA2_FAST_AUTH:
		return nil
	case len(data) == 1 && data[0] == mysql.CACHE_SHA2_FULL_AUTH && c.Secure():
		return c.Write(append([]byte(o.Password), 0))
	case len(data) == 1 && data[0] == mysql.CACHE_SHA2_FULL_AUTH:
		return c.Write([]byte{requestPublicKey})
	}
	key, err := publicKey(data)
	if err != nil {
		return err
	}
	sealed, err := mysql.EncryptPassword(o.Password, nonce, key)
	if err != nil {
		return err
	}
	return c.Write(sealed)
}

func publicKey(data []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, errors.New("the server's public key is not PEM")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	rsaKey, ok := key.(*rsa.PublicKey)
	if !ok {
		return nil, errors.New("the server's public key is not RSA")
	}
	return rsaKey, nil
}
