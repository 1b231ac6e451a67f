package kmsemu

import (
	"maps"
	"net/http"
	"slices"
	"time"
)

// Faults are the knobs. The zero value is a healthy service. All but Latency answer before the operation is looked at.
type Faults struct {
	Latency  time.Duration // added to every answer
	Throttle int           // that many requests get ThrottlingException
	Rate     int           // requests a second; those beyond get ThrottlingException; 0: no limit
	Fail     int           // that many requests get KMSInternalException, status 500; negative: all
	Hang     bool          // no answer until the client gives up
	Drop     bool          // the connection is closed without an answer
	Deny     bool          // AccessDeniedException
	Code     string        // this error type for every request, status 400
	Only     string        // operation the faults apply to, such as "Decrypt"; "" for all
}

// Set replaces the faults.
func (e *Emulator) Set(f Faults) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = f
}

// Request is what the service saw of one request, for tests that look for what must not be in it.
type Request struct {
	Operation string
	Header    http.Header
	Body      []byte
}

// Requests returns what was asked since the start or the last Reset.
func (e *Emulator) Requests() []Request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.log)
}

// Counts returns the number of requests by operation since the start or the last Reset, refused ones included.
func (e *Emulator) Counts() map[string]int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return maps.Clone(e.counts)
}

// Peak returns the greatest number of requests at a time since the start or the last Reset.
func (e *Emulator) Peak() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.peak
}

// enter counts a request that begins; the returned function counts its end.
func (e *Emulator) enter() (leave func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.inside++
	e.peak = max(e.peak, e.inside)
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.inside--
	}
}

// Reset forgets counts and requests.
func (e *Emulator) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.log = nil
	e.peak = e.inside
	clear(e.counts)
}

// maxLog bounds the remembered requests, for an emulator that runs for long.
const maxLog = 20_000

// note records a request and returns the faults it meets.
func (e *Emulator) note(r Request) Faults {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counts[r.Operation]++
	if len(e.log) < maxLog {
		e.log = append(e.log, r)
	}
	f := e.faults
	if f.Only != "" && f.Only != r.Operation {
		return Faults{}
	}
	if e.faults.Throttle > 0 {
		e.faults.Throttle--
	} else if e.faults.Fail > 0 {
		e.faults.Fail--
	}
	if f.Rate > 0 && e.beyond(f.Rate) {
		f.Throttle = 1
	}
	return f
}

// beyond counts the requests of the present second and reports whether they are more than that.
func (e *Emulator) beyond(rate int) bool {
	if now := time.Now().Unix(); now != e.second {
		e.second, e.inSecond = now, 0
	}
	e.inSecond++
	return e.inSecond > rate
}

// refusal is the fault as the client sees it, nil for none.
func (f *Faults) refusal() *apiError {
	switch {
	case f.Throttle > 0:
		return failure("ThrottlingException", "You have exceeded the rate at which you may call KMS.")
	case f.Fail != 0:
		return &apiError{Type: "KMSInternalException", Message: "An internal exception occurred.", status: http.StatusInternalServerError}
	case f.Deny:
		return failure("AccessDeniedException", "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.")
	case f.Code != "":
		return failure(f.Code, "As the test wants it.")
	}
	return nil
}
