package main

import (
	"errors"
	"flag"
	"strconv"
	"strings"
	"time"
)

// momentFlag defines a flag for a point in time: a date (its beginning, UTC), an RFC 3339 time, or how long ago ("90m",
// "24h", "7d").
func momentFlag(flags *flag.FlagSet, at *time.Time, name, usage string) {
	flags.Func(name, usage, func(text string) (err error) {
		*at, err = parseMoment(text, time.Now())
		return err
	})
}

var errMoment = errors.New("want a date such as 2026-11-24, a time such as 2026-11-24T10:00:00Z, or how long ago, such as 24h or 7d")

func parseMoment(text string, now time.Time) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC(), nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil {
			return time.Time{}, errMoment
		}
		return now.UTC().AddDate(0, 0, -int(n)), nil
	}
	ago, err := time.ParseDuration(text)
	if err != nil || ago < 0 {
		return time.Time{}, errMoment
	}
	return now.UTC().Add(-ago), nil
}

var errRange = errors.New("--from is not before --to")

// checkRange refuses a range of time that holds nothing; a zero end is open.
func checkRange(from, to time.Time) error {
	if !to.IsZero() && !from.Before(to) {
		return errRange
	}
	return nil
}
