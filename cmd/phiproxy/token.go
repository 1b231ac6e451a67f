package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"phiproxy/admin"
	"phiproxy/config"
)

func tokenCommands() []command { return []command{tokenNewCommand()} }

func tokenNewCommand() command {
	return command{
		name: "token new", short: "make a token for the admin port",
		long: "Makes a random token and prints it once, with the lines to paste below admin.tokens in the configuration. Those hold its SHA-256 only: who reads the configuration cannot use it. The token itself is stored nowhere.",
		examples: []string{
			"phiproxy token new --name alice --role admin --user-id USER001",
			"phiproxy token new --name grafana --role viewer --expires 90d",
			"phiproxy token new --name audit-2027 --role viewer --expires 2027-06-30",
		},
		setup: func(flags *flag.FlagSet) runner {
			var t newToken
			flags.StringVar(&t.name, "name", "", "whose token it is; stands in logs and audit records")
			flags.StringVar(&t.role, "role", "", "what it may do: `viewer` (look) or admin (change)")
			flags.StringVar(&t.userID, "user-id", "", "the application's `user` that it acts as: admin_user_id of the guide's API")
			expires := flags.String("expires", "365d", "when it ends: a `date`, a time, or a number of days such as 90d")
			return func(_ context.Context, env environment, _ []string) (err error) {
				if t.expires, err = parseExpiry(*expires, time.Now()); err != nil {
					return usageError{fmt.Errorf("phiproxy token new: %w", err)}
				}
				return t.print(env.out)
			}
		},
	}
}

// newToken is what is asked for.
type newToken struct {
	name, role, userID string
	expires            time.Time
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
	if !slices.Contains([]string{config.RoleViewer, config.RoleAdmin}, t.role) {
		return usageError{errors.New("phiproxy token new: --role wants viewer or admin")}
	}
	token, hash, err := admin.NewToken(t.name)
	if err != nil {
		return usageError{fmt.Errorf("phiproxy token new: %w", err)}
	}
	fmt.Fprintf(w, tokenText, token, t.name, hash, t.role, t.expires.UTC().Format(time.RFC3339))
	if t.userID != "" {
		fmt.Fprintf(w, "      user_id: %q\n", t.userID)
	}
	return nil
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
