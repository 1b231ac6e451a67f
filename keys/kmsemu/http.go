package kmsemu

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

const (
	targetPrefix = "TrentService." // KMS's name inside AWS
	contentType  = "application/x-amz-json-1.1"
	maxBody      = 1 << 20
)

// apiError is an error as the service sends it.
type apiError struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
	status  int
}

func failure(typ, message string) *apiError {
	return &apiError{Type: typ, Message: message, status: http.StatusBadRequest}
}

// ServeHTTP answers one request.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer e.enter()()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		send(w, nil, failure("SerializationException", "The request could not be read."))
		return
	}
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	faults := e.note(Request{Operation: name, Header: r.Header.Clone(), Body: body})
	switch {
	case faults.Hang:
		<-r.Context().Done()
		return
	case faults.Drop:
		panic(http.ErrAbortHandler)
	}
	wait(r, faults.Latency)
	refused := faults.refusal()
	if refused == nil {
		refused = checkRequest(r)
	}
	if refused != nil {
		send(w, nil, refused)
		return
	}
	answer, refused := e.perform(name, body)
	send(w, answer, refused)
}

func wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

func send(w http.ResponseWriter, answer any, refused *apiError) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", newUUID())
	if refused != nil {
		w.Header().Set("X-Amzn-Errortype", refused.Type)
		w.WriteHeader(refused.status)
		answer = refused
	}
	if answer == nil {
		return // operations such as CreateAlias have an empty answer
	}
	json.NewEncoder(w).Encode(answer) // the client is gone when this fails
}

// signature is the form of a SigV4 header of the service kms.
var signature = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=[^/ ]+/[0-9]{8}/[a-z0-9-]+/kms/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$`)

// checkRequest refuses what the real service would refuse before looking at the operation.
func checkRequest(r *http.Request) *apiError {
	auth := r.Header.Get("Authorization")
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/":
		return failure("UnknownOperationException", "Want POST /.")
	case !strings.HasPrefix(r.Header.Get("Content-Type"), contentType):
		return failure("SerializationException", "Want "+contentType+".")
	case auth == "":
		return failure("MissingAuthenticationTokenException", "Missing Authentication Token")
	case !wellSigned(auth) || !isDate(r.Header.Get("X-Amz-Date")):
		return failure("IncompleteSignatureException", "The request signature does not conform to AWS standards.")
	}
	return nil
}

// wellSigned checks the header's form, and that host and date are among what was signed.
func wellSigned(auth string) bool {
	m := signature.FindStringSubmatch(auth)
	if m == nil {
		return false
	}
	signed := ";" + m[1] + ";"
	return strings.Contains(signed, ";host;") && strings.Contains(signed, ";x-amz-date;")
}

func isDate(s string) bool {
	_, err := time.Parse("20060102T150405Z", s)
	return err == nil
}
