package kmsaws

import (
	"bytes"
	"encoding/base64"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"phiproxy/keys"
	"phiproxy/keys/kmsemu"

	"github.com/aws/aws-sdk-go-v2/credentials"
)

const otherAlias = "alias/other"

func start(t *testing.T, vary func(*Options)) (*Provider, *kmsemu.Emulator) {
	t.Helper()
	e, err := kmsemu.New(kmsemu.Options{Aliases: []string{DefaultKeyID, otherAlias}})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	t.Cleanup(s.CloseClientConnections) // before Close, which waits for those that hang
	return connect(t, s.URL, vary), e
}

func connect(t *testing.T, url string, vary func(*Options)) *Provider {
	t.Helper()
	o := Options{
		Region: "us-east-1", Endpoint: url,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret-access-key", ""),
	}
	if vary != nil {
		vary(&o)
	}
	p, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func generate(t *testing.T, p *Provider, kctx keys.Context) ([]byte, keys.Wrapped) {
	t.Helper()
	dek, w, err := p.Generate(t.Context(), kctx)
	if err != nil {
		t.Fatal(err)
	}
	return dek, w
}

func TestRoundTrip(t *testing.T) {
	p, e := start(t, nil)
	for _, kctx := range []keys.Context{keys.DEKContext("U1", 1), nil} { // nil: the guide's
		dek, w := generate(t, p, kctx)
		got, err := p.Unwrap(t.Context(), w, kctx)
		if err != nil || !bytes.Equal(got, dek) || len(dek) != 32 {
			t.Errorf("%v: %v", kctx, err)
		}
		if !strings.HasPrefix(w.KeyARN, "arn:aws:kms:us-east-1:") {
			t.Errorf("master key %q", w.KeyARN)
		}
	}
	body := string(e.Requests()[0].Body)
	for _, part := range []string{`"KeyId":"alias/surgicase-phi-master"`, `"KeySpec":"AES_256"`, `"owner":"U1"`, `"purpose":"phiproxy-dek"`, `"version":"1"`} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
}

func TestBlobsOfOthers(t *testing.T) {
	p, e := start(t, nil)
	kctx := keys.DEKContext("U1", 1)
	_, w := generate(t, p, kctx)
	refused := func(name string, w keys.Wrapped, kctx keys.Context) {
		t.Helper()
		if _, err := p.Unwrap(t.Context(), w, kctx); !errors.Is(err, keys.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("another owner", w, keys.DEKContext("U2", 1))
	refused("another version", w, keys.DEKContext("U1", 2))
	refused("no context", w, nil)
	refused("truncated", keys.Wrapped{Blob: w.Blob[:30]}, kctx)
	other := &Provider{client: p.client, keyID: otherAlias, timeout: p.timeout}
	_, foreign := generate(t, other, kctx)
	refused("another master key", foreign, kctx)
	if !strings.Contains(string(e.Requests()[1].Body), `"KeyId":"alias/surgicase-phi-master"`) {
		t.Error("Decrypt does not name the key")
	}
	p.old = []string{otherAlias}
	if _, err := p.Unwrap(t.Context(), foreign, kctx); err != nil {
		t.Errorf("an earlier master key: %v", err)
	}
}

func TestRewrap(t *testing.T) {
	old, e := start(t, nil)
	kctx := keys.DEKContext("U1", 1)
	p := &Provider{client: old.client, service: old.service, keyID: otherAlias, old: []string{DefaultKeyID}, timeout: old.timeout}
	if !p.CanRewrap(old) || p.CanRewrap(connect(t, "http://127.0.0.1:1", nil)) {
		t.Error("CanRewrap takes another service for the same")
	}
	for _, before := range []keys.Context{kctx, nil} { // nil: the guide's
		dek, w := generate(t, old, before)
		e.Reset()
		for _, from := range []keys.Provider{old, p} { // p finds the blob's key among its earlier ones
			moved, err := p.Rewrap(t.Context(), from, w, before, kctx)
			if err != nil {
				t.Fatal(err)
			}
			alone := &Provider{client: old.client, keyID: otherAlias, timeout: old.timeout}
			if got, err := alone.Unwrap(t.Context(), moved, kctx); err != nil || !bytes.Equal(got, dek) || moved.KeyARN == w.KeyARN {
				t.Errorf("%v: %v, wrapped by %s", before, err, moved.KeyARN)
			}
		}
		for _, r := range e.Requests() {
			if r.Operation == "ReEncrypt" && bytes.Contains(r.Body, []byte(base64.StdEncoding.EncodeToString(dek))) {
				t.Error("the key left the service")
			}
		}
	}
	_, w := generate(t, old, kctx)
	_, err := p.Rewrap(t.Context(), old, w, keys.DEKContext("U2", 1), kctx)
	if !errors.Is(err, keys.ErrCorrupt) {
		t.Errorf("another owner's context: %v", err)
	}
	e.Set(kmsemu.Faults{Deny: true})
	if _, err = p.Rewrap(t.Context(), old, w, kctx, kctx); !errors.Is(err, keys.ErrRevoked) {
		t.Errorf("denied: %v", err)
	}
}

func TestWrap(t *testing.T) {
	p, e := start(t, nil)
	kctx := keys.DEKContext("U1", 1)
	dek := bytes.Repeat([]byte{7}, 32)
	w, err := p.Wrap(t.Context(), dek, kctx)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Unwrap(t.Context(), w, kctx); err != nil || !bytes.Equal(got, dek) {
		t.Error(err)
	}
	e.Set(kmsemu.Faults{Fail: -1})
	if _, err := p.Wrap(t.Context(), dek, kctx); !errors.Is(err, keys.ErrUnavailable) {
		t.Error(err)
	}
}

func TestClassification(t *testing.T) {
	p, e := start(t, nil)
	_, w := generate(t, p, nil)
	for code, kind := range map[string]error{
		"AccessDeniedException": keys.ErrRevoked, "DisabledException": keys.ErrRevoked, "NotFoundException": keys.ErrRevoked,
		"KMSInvalidStateException": keys.ErrRevoked, "UnrecognizedClientException": keys.ErrRevoked,
		"InvalidCiphertextException": keys.ErrCorrupt, "IncorrectKeyException": keys.ErrCorrupt,
		"ThrottlingException": keys.ErrUnavailable, "ExpiredTokenException": keys.ErrUnavailable,
		"KeyUnavailableException": keys.ErrUnavailable, "SomethingNewException": keys.ErrUnavailable,
	} {
		e.Set(kmsemu.Faults{Code: code})
		_, err := p.Unwrap(t.Context(), w, nil)
		if !errors.Is(err, kind) {
			t.Errorf("%s: %v", code, err)
		}
		if err != nil && (!strings.Contains(err.Error(), code) || strings.Contains(err.Error(), "As the test wants it")) {
			t.Errorf("the text should name the code and nothing else: %v", err)
		}
	}
}

func TestRealStates(t *testing.T) {
	p, e := start(t, nil)
	_, w := generate(t, p, nil)
	e.Set(kmsemu.Faults{Deny: true})
	if _, err := p.Unwrap(t.Context(), w, nil); !errors.Is(err, keys.ErrRevoked) {
		t.Error(err)
	}
	e.Set(kmsemu.Faults{})
	p.keyID = "alias/none"
	if _, _, err := p.Generate(t.Context(), nil); !errors.Is(err, keys.ErrRevoked) {
		t.Error(err)
	}
}

func TestRetriesWithinTheBudget(t *testing.T) {
	p, e := start(t, nil)
	for name, f := range map[string]kmsemu.Faults{"throttled": {Throttle: 2}, "failing": {Fail: 2}} {
		e.Set(f)
		if _, _, err := p.Generate(t.Context(), nil); err != nil {
			t.Errorf("%s twice: %v", name, err)
		}
	}
	e.Reset()
	e.Set(kmsemu.Faults{Deny: true})
	if _, _, err := p.Generate(t.Context(), nil); err == nil || e.Counts()["GenerateDataKey"] != 1 {
		t.Errorf("a denial was asked for %d times, %v", e.Counts()["GenerateDataKey"], err)
	}
}

// Nothing waits longer than its budget.
func TestOutages(t *testing.T) {
	const budget = 400 * time.Millisecond
	short := func(o *Options) { o.Timeout = budget }
	p, e := start(t, short)
	for name, f := range map[string]kmsemu.Faults{
		"hang": {Hang: true}, "drop": {Drop: true}, "500": {Fail: -1}, "slow": {Latency: time.Minute}, "throttled": {Throttle: 1000},
	} {
		e.Set(f)
		within(t, name, p, budget)
	}
	e.Set(kmsemu.Faults{})
	within(t, "refuse", connect(t, "http://127.0.0.1:1", short), budget)
}

func within(t *testing.T, name string, p *Provider, budget time.Duration) {
	t.Helper()
	began := time.Now()
	_, _, err := p.Generate(t.Context(), nil)
	if !errors.Is(err, keys.ErrUnavailable) {
		t.Errorf("%s: %v", name, err)
	}
	if d := time.Since(began); d > budget+5*time.Second { // a busy machine is slow, a missing bound is forever
		t.Errorf("%s: took %v", name, d)
	}
}

func TestCheck(t *testing.T) {
	p, e := start(t, nil)
	for range 3 {
		if err := p.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if c := e.Counts(); c["GenerateDataKey"] != 1 || c["Decrypt"] != 3 {
		t.Errorf("got %v", c)
	}
	e.Set(kmsemu.Faults{Deny: true, Only: "Decrypt"})
	if err := p.Check(t.Context()); !errors.Is(err, keys.ErrRevoked) {
		t.Error(err)
	}
	e.Set(kmsemu.Faults{})
	p.keyID = otherAlias // as when the alias is moved to another key
	if err := p.Check(t.Context()); !errors.Is(err, keys.ErrCorrupt) {
		t.Error(err)
	}
	if err := p.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOptionsRefused(t *testing.T) {
	for _, o := range []Options{
		{},
		{Region: "us-east-1", Endpoint: "kms.internal"},
		{Region: "us-east-1", Endpoint: "ftp://kms.internal"},
		{Region: "us-east-1", Endpoint: "http://kms.internal"},
		{Region: "us-east-1", Endpoint: "http://169.254.169.254", AllowInsecureEndpoint: true},
		{Region: "us-east-1", Endpoint: "https://169.254.169.254/latest"},
		{Region: "us-east-1", Endpoint: "https://[::ffff:169.254.169.254]"},
		{Region: "us-east-1", Endpoint: "https://[fe80::1]"},
		{Region: "us-east-1", Endpoint: "https://0.0.0.0"},
	} {
		if _, err := New(t.Context(), o); err == nil {
			t.Errorf("%+v was accepted", o)
		}
	}
	for _, o := range []Options{
		{Region: "us-east-1"},
		{Region: "us-east-1", Endpoint: "https://kms-fips.us-east-1.amazonaws.com"},
		{Region: "us-east-1", Endpoint: "http://localhost:4566"},
		{Region: "us-east-1", Endpoint: "http://kms:4566", AllowInsecureEndpoint: true},
	} {
		if _, err := New(t.Context(), o); err != nil {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
