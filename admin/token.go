package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
)

// A token is phx_<name>_<secret>. The secret is 260 random bits in base32, so that the plain SHA-256 of a token can be
// kept: there is nothing to guess.
var (
	tokenName = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)
	tokenForm = regexp.MustCompile(`^phx_[A-Za-z0-9.-]{1,64}_[a-z2-7]{52}$`)
)

// NewToken makes a token for name and the SHA-256 that admin.tokens keeps of it, in hexadecimal.
func NewToken(name string) (token, sha256hex string, err error) {
	if !tokenName.MatchString(name) {
		return "", "", errors.New("a token's name wants 1 to 64 letters, digits, dots and hyphens")
	}
	token = "phx_" + name + "_" + strings.ToLower(rand.Text()+rand.Text())
	hash := sha256.Sum256([]byte(token))
	return token, hex.EncodeToString(hash[:]), nil
}
