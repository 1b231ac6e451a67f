package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

func tokenCommands() []command { return []command{tokenNewCommand()} }

// Roles of the admin port.
var roles = []string{"viewer", "admin"}

func tokenNewCommand() command {
	return command{
		name: "token new", short: "make a token for the admin port",
		long: "Makes a random token and prints it once, with the lines to paste below admin.tokens in the configuration. Those hold its SHA-256 only: who reads the configuration cannot use it. The token itself is stored nowhere.",
		examples: []string{
			"phiproxy token new --name alice --role admin",
			"phiproxy token new --name grafana --role viewer --expires 90d",
			"phiproxy token new --name audit-2027 --role viewer --expires 2027-06-30",
		},
		setup: func(flags *flag.FlagSet) runner {
			var t newToken
			flags.StringVar(&t.name, "name", "", "whose token it is; stands in logs and audit records")
			flags.StringVar(&t.role, "role", "", "what it may do: `viewer` (look) or admin (change)")
			expires := flags.String("expires", "365d", "when it ends: a `date`, a time, or a number of days such as 90d")
			return func(_ context.Context, env environment, _ []string) (err error) {
				if t.expires, err = parseExpiry(*expires, time.Now()); err != nil {
					return usageError{err}
				}
				return t.print(env.out)
			}
		},
	}
}

// newToken is what is asked for.
type newToken struct {
	name, role string
	expires    time.Time
}

func (t newToken) check() error {
	switch {
	case !slices.Contains(roles, t.role):
		return errors.New("phiproxy token new: --role wants viewer or admin")
	case t.name == "":
		return errors.New("phiproxy token new: --name is missing")
	}
	return nil
}

const tokenText = `The token, shown this once:

  %s

Paste into the configuration; phiproxy takes it up without a restart:

admin:
  tokens:
    - name: %s
      sha256: %s
      role: %s
      expires: %s
`

func (t newToken) print(w io.Writer) error {
	if err := t.check(); err != nil {
		return usageError{err}
	}
	token := "phx_" + t.name + "_" + strings.ToLower(rand.Text()+rand.Text())
	hash := sha256.Sum256([]byte(token))
	_, err := fmt.Fprintf(w, tokenText, token, t.name, hex.EncodeToString(hash[:]), t.role, t.expires.UTC().Format(time.RFC3339))
	return err
}

// parseExpiry reads "90d", a date (its end, UTC), or an RFC 3339 time, which must be in the future.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	at, err := expiry(text, now)
	if err != nil {
		return at, errors.New("--expires wants a date such as 2027-06-30, a time such as 2027-06-30T12:00:00Z, or a number of days such as 90d")
	}
	if !at.After(now) {
		return at, errors.New("--expires is in the past")
	}
	return at, nil
}

func expiry(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return now.AddDate(0, 0, int(n)).Truncate(time.Second), err
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	return time.Parse(time.RFC3339, text)
}
