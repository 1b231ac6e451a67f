package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"phiproxy/config"
)

// role is what a route asks for and what a principal has. The zero role is nobody's: a route without a role is closed to
// everybody.
type role int

const (
	nobody role = iota
	open        // no credentials; never a principal's role
	viewer
	administrator
)

var roleNames = map[string]role{config.RoleViewer: viewer, config.RoleAdmin: administrator}

func (r role) String() string {
	switch r {
	case open:
		return "open"
	case viewer:
		return config.RoleViewer
	case administrator:
		return config.RoleAdmin
	default:
		return "nobody"
	}
}

// may reports whether somebody of role r gets what asks for need.
func (r role) may(need role) bool {
	return need == open || need != nobody && r >= need
}

// principal is who sent a request.
type principal struct {
	kind    string // "token" or "certificate"; "" for nobody
	name    string
	role    role
	userID  string    // the application's user it acts as; "" when it may name any
	expires time.Time // zero: as long as its certificate
}

// String is the principal in logs and audit records; "" for nobody.
func (p principal) String() string {
	if p.kind == "" {
		return ""
	}
	return p.kind + ":" + p.name
}

// credentials are the principals of a configuration.
type credentials struct {
	tokens       []token
	certificates map[string]principal // by common name
}

type token struct {
	hash [sha256.Size]byte
	principal
}

func newCredentials(c config.Admin) (*credentials, error) {
	list := &credentials{certificates: map[string]principal{}}
	for _, t := range c.Tokens {
		hash, err := hex.DecodeString(t.SHA256)
		if err != nil || len(hash) != sha256.Size || roleNames[t.Role] == nobody {
			return nil, errors.New("admin.tokens: a hash or role is not valid")
		}
		p := principal{kind: "token", name: t.Name, role: roleNames[t.Role], userID: t.UserID, expires: t.Expires.Time()}
		list.tokens = append(list.tokens, token{[sha256.Size]byte(hash), p})
	}
	for _, cert := range c.Certificates {
		if roleNames[cert.Role] == nobody {
			return nil, errors.New("admin.certificates: a role is not valid")
		}
		list.certificates[cert.Name] = principal{kind: "certificate", name: cert.Name, role: roleNames[cert.Role], userID: cert.UserID}
	}
	return list, nil
}

// Reasons of a failed authentication, as logged and counted. Clients are told one text for all.
const (
	failMissing     = "missing"
	failMalformed   = "malformed"
	failUnknown     = "unknown"
	failExpired     = "expired"
	failCertificate = "certificate"
	failThrottled   = "throttled"
)

// identify finds who a request comes from; failure is "" then. An expired token's principal is returned for the log.
func (c *credentials) identify(r *http.Request) (p principal, failure string) {
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) > 1:
		return principal{}, failMalformed
	case len(headers) == 1:
		return c.byToken(headers[0])
	case r.TLS != nil && len(r.TLS.VerifiedChains) > 0:
		return c.byCertificate(r)
	default:
		return principal{}, failMissing
	}
}

func (c *credentials) byToken(header string) (principal, string) {
	scheme, text, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || !tokenForm.MatchString(text) {
		return principal{}, failMalformed
	}
	p, ok := c.find(sha256.Sum256([]byte(text)))
	switch {
	case !ok:
		return principal{}, failUnknown
	case !time.Now().Before(p.expires):
		return p, failExpired
	default:
		return p, ""
	}
}

// find compares with every token, and with each in constant time, so that the time taken tells nothing about how much of
// a guess was right or which token it resembles.
func (c *credentials) find(hash [sha256.Size]byte) (principal, bool) {
	found := -1
	for i := range c.tokens {
		equal := subtle.ConstantTimeCompare(hash[:], c.tokens[i].hash[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return principal{}, false
	}
	return c.tokens[found].principal, true
}

// byCertificate believes what the handshake verified, but for the date: a connection may outlive its certificate.
func (c *credentials) byCertificate(r *http.Request) (principal, string) {
	leaf := r.TLS.VerifiedChains[0][0]
	p, ok := c.certificates[leaf.Subject.CommonName]
	switch {
	case !ok:
		return principal{}, failCertificate
	case time.Now().After(leaf.NotAfter):
		return p, failExpired
	}
	p.expires = leaf.NotAfter
	return p, ""
}
