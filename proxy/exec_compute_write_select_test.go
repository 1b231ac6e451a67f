package proxy

import (
	"testing"
	"time"
)

func TestTimesThatAreShownTwice(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for utc, want := range map[string]bool{ // 03:00 became 02:00 on 2025-10-26, 02:00 became 03:00 on 2025-03-30
		"2025-10-25 23:59:59": false, "2025-10-26 00:00:00": true, "2025-10-26 00:59:59": true, "2025-10-26 01:00:00": true, "2025-10-26 01:59:59": true, "2025-10-26 02:00:00": false,
		"2025-03-30 00:59:59": false, "2025-03-30 01:00:00": false, "2025-07-01 12:00:00": false,
	} {
		at, err := time.Parse(time.DateTime, utc)
		if err != nil {
			t.Fatal(err)
		}
		if got := shownTwice(at, berlin); got != want {
			t.Errorf("%s: %v", utc, got)
		}
		if shownTwice(at, time.UTC) {
			t.Errorf("%s in UTC", utc)
		}
	}
}
