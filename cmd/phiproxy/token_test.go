package main

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"testing"
	"time"
)

var tokenOutput = regexp.MustCompile(`(?s)  (phx_alice_[a-z2-7]{52})\n.*- name: alice\n      sha256: ([0-9a-f]{64})\n      role: admin\n      expires: 20[0-9-]+T[0-9:]+Z\n$`)

func TestTokenNew(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		code, out, text := invoke(t, "token", "new", "--name", "alice", "--role", "admin")
		m := tokenOutput.FindStringSubmatch(out)
		if code != exitOK || m == nil {
			t.Fatalf("exit %d\n%s%s", code, out, text)
		}
		if hash := sha256.Sum256([]byte(m[1])); hex.EncodeToString(hash[:]) != m[2] || seen[m[1]] {
			t.Errorf("%s does not hash to %s, or came before", m[1], m[2])
		}
		seen[m[1]] = true
	}
}

func TestTokenNewRefuses(t *testing.T) {
	for name, args := range map[string][]string{
		"no name":          {"--role", "admin"},
		"name with colon":  {"--role", "admin", "--name", "a: b"},
		"no role":          {"--name", "a"},
		"unknown role":     {"--name", "a", "--role", "root"},
		"expired":          {"--name", "a", "--role", "admin", "--expires", "2020-01-01"},
		"expiry not known": {"--name", "a", "--role", "admin", "--expires", "soon"},
		"too many days":    {"--name", "a", "--role", "admin", "--expires", "99999999d"},
	} {
		t.Run(name, func(t *testing.T) {
			if code, out, text := invoke(t, append([]string{"token", "new"}, args...)...); code != exitUsage || out != "" || text == "" {
				t.Errorf("exit %d\n%s%s", code, out, text)
			}
		})
	}
}

func TestParseExpiry(t *testing.T) {
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"90d":                  now.AddDate(0, 0, 90),
		"2026-11-24":           time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), // through the day
		"2026-11-24T12:00:00Z": time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	} {
		if got, err := parseExpiry(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "-1d", "0d", "2026-11-23", "tomorrow"} {
		if got, err := parseExpiry(text, now); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}
