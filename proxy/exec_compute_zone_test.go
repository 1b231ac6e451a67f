package proxy

import (
	"testing"
	"time"
)

// localTimes are what a server whose host is in the zone answers.
func localTimes(zone *time.Location) [][]byte {
	var times [][]byte
	for _, at := range zoneSamples {
		times = append(times, []byte(time.Unix(at, 0).In(zone).Format("2006-01-02 15:04:05")))
	}
	return times
}

func TestZoneOf(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	york, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	india := time.FixedZone("", 5*3600+1800)
	for _, c := range []struct {
		backend, here *time.Location
		want          string // "" is refused
	}{
		{time.UTC, time.UTC, "SYSTEM"}, {berlin, berlin, "SYSTEM"}, {york, york, "SYSTEM"},
		{time.UTC, berlin, "+00:00"}, {india, time.UTC, "+05:30"}, {time.FixedZone("", -3*3600-1800), york, "-03:30"},
		{berlin, time.UTC, ""}, {york, berlin, ""}, {berlin, york, ""},
	} {
		got, err := zoneOf(localTimes(c.backend), c.here)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s seen from %s: %q, %v", c.backend, c.here, got, err)
		}
	}
	if _, err := zoneOf([][]byte{[]byte("nonsense")}, time.UTC); err == nil {
		t.Error("nonsense is a time")
	}
}
