package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a span of time, written "30s" or "24h".
type Duration time.Duration

// Std is the duration as the standard library has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String prints the duration without zero parts: 24h, not 24h0m0s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

func parseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("wants a duration such as 500ms, 30s or 24h")
	}
	if d <= 0 {
		return 0, errors.New("wants a duration above zero")
	}
	return Duration(d), nil
}

// Size is a number of bytes, written "65536", "64KiB", "16MiB" or "1GiB".
type Size int64

var sizeUnits = []struct {
	suffix string
	bytes  int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}, {"", 1}}

// String prints the size with the largest unit that divides it.
func (s Size) String() string {
	for _, u := range sizeUnits[:3] {
		if s != 0 && int64(s)%u.bytes == 0 {
			return fmt.Sprintf("%d%s", int64(s)/u.bytes, u.suffix)
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

func parseSize(text string) (Size, error) {
	for _, u := range sizeUnits {
		digits, ok := strings.CutSuffix(text, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.bytes {
			break
		}
		return Size(n * u.bytes), nil
	}
	return 0, errors.New("wants a size such as 65536, 64KiB, 16MiB or 1GiB")
}

// Moment is a point in time, in seconds since 1970, written "2027-06-30T12:00:00Z" or as a date. Zero is none.
type Moment int64

// Time is the moment as the standard library has it, in UTC; its zero value for none.
func (m Moment) Time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(int64(m), 0).UTC()
}

// String prints the moment as it may be written.
func (m Moment) String() string { return m.Time().Format(time.RFC3339) }

// parseMoment reads a date as its end: what expires on a day is good on that day.
func parseMoment(text string) (Moment, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return Moment(day.AddDate(0, 0, 1).Unix()), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, errors.New("wants a time such as 2027-06-30T12:00:00Z or a date such as 2027-06-30")
	}
	return Moment(at.Unix()), nil
}

// Secret is a text that is never printed: every fmt verb and every encoder shows a placeholder.
type Secret struct{ text string }

const redacted = "[secret]"

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal gives the text. Whoever calls it must not log it.
func (s Secret) Reveal() string { return s.text }

// Empty reports whether there is no secret.
func (s Secret) Empty() bool { return s.text == "" }

// Format implements fmt.Formatter: a Stringer alone would still leak through %d.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// MarshalText implements encoding.TextMarshaler, which JSON, YAML and zap ask.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
