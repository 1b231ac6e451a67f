package proxy

import (
	"fmt"
	"time"

	"phiproxy/rewrite/fault"
)

// systemZone is the value of @@time_zone for the zone of the server's host, whose name nobody tells.
const systemZone = "SYSTEM"

// zoneSamples are moments, winters and summers, that the backend is asked its local time of: in seconds since 1970.
var zoneSamples = [...]int64{
	86_400, 15_552_000, 473_385_600, 489_024_000, 788_918_400, 804_556_800, 1_104_537_600, 1_120_176_000, 1_420_070_400, 1_435_708_800,
	1_704_067_200, 1_719_792_000, 1_861_920_000, 1_877_558_400,
}

// zoneOf finds out what SYSTEM means on the backend's host from its local times of zoneSamples: a fixed offset, or the zone
// of this host, which is the scratch server's own. Any other has no name here, and the statement could get wrong times.
func zoneOf(times [][]byte, local *time.Location) (string, error) {
	fixed, same := true, true
	var first time.Duration
	for i, text := range times {
		shown, err := time.Parse("2006-01-02 15:04:05", string(text[:min(len(text), len("2006-01-02 15:04:05"))]))
		if err != nil {
			return "", backendError(errOutOfStep)
		}
		at := time.Unix(zoneSamples[i], 0)
		offset := shown.Sub(at.UTC())
		if i == 0 {
			first = offset
		}
		_, here := at.In(local).Zone()
		fixed, same = fixed && offset == first, same && offset == time.Duration(here)*time.Second
	}
	switch {
	case same:
		return systemZone, nil
	case fixed:
		sign, minutes := '+', int(first/time.Minute)
		if minutes < 0 {
			sign, minutes = '-', -minutes
		}
		return fmt.Sprintf("%c%02d:%02d", sign, minutes/60, minutes%60), nil
	}
	return "", fault.ScratchZone.With("@@time_zone is SYSTEM")
}
