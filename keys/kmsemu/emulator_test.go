package kmsemu_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"phiproxy/keys/kmsemu"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"
)

const alias = "alias/surgicase-phi-master"

func start(t *testing.T, o kmsemu.Options) (*kmsemu.Emulator, *kms.Client) {
	t.Helper()
	e, err := kmsemu.New(o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(e)
	t.Cleanup(s.Close)
	return e, kms.New(kms.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(s.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
	})
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != code {
		t.Fatalf("got %v, want %s", err, code)
	}
}

func check[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestKeysAndAliases(t *testing.T) {
	_, c := start(t, kmsemu.Options{Aliases: []string{alias}})
	ctx := t.Context()
	made := check[*kms.CreateKeyOutput](t)(c.CreateKey(ctx, &kms.CreateKeyInput{})).KeyMetadata
	if made.KeyState != types.KeyStateEnabled || !made.Enabled || made.CreationDate == nil {
		t.Errorf("got %+v", made)
	}
	second := aws.String("alias/second")
	check[*kms.CreateAliasOutput](t)(c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: second, TargetKeyId: made.KeyId}))
	_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: second, TargetKeyId: made.KeyId})
	wantCode(t, err, "AlreadyExistsException")
	_, err = c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: aws.String("second"), TargetKeyId: made.KeyId})
	wantCode(t, err, "InvalidAliasNameException")
	_, err = c.UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: aws.String("alias/none"), TargetKeyId: made.KeyId})
	wantCode(t, err, "NotFoundException")
	list := check[*kms.ListAliasesOutput](t)(c.ListAliases(ctx, &kms.ListAliasesInput{})).Aliases
	if len(list) != 2 || *list[0].AliasName != "alias/second" || *list[0].TargetKeyId != *made.KeyId {
		t.Errorf("got %+v", list)
	}
	for _, ref := range []string{*made.KeyId, *made.Arn, *second, *list[0].AliasArn} {
		got := check[*kms.DescribeKeyOutput](t)(c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &ref}))
		if *got.KeyMetadata.Arn != *made.Arn {
			t.Errorf("%s: %s", ref, *got.KeyMetadata.Arn)
		}
	}
	_, err = c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: aws.String("alias/none")})
	wantCode(t, err, "NotFoundException")
}

func TestDataKeys(t *testing.T) {
	_, c := start(t, kmsemu.Options{Aliases: []string{alias}})
	ctx := t.Context()
	kctx := map[string]string{"owner": "U1", "version": "1"}
	in := &kms.GenerateDataKeyInput{KeyId: aws.String(alias), KeySpec: types.DataKeySpecAes256, EncryptionContext: kctx}
	k := check[*kms.GenerateDataKeyOutput](t)(c.GenerateDataKey(ctx, in))
	if len(k.Plaintext) != 32 {
		t.Errorf("%d bytes", len(k.Plaintext))
	}
	plain := check[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: k.CiphertextBlob, EncryptionContext: kctx}))
	if string(plain.Plaintext) != string(k.Plaintext) || *plain.KeyId != *k.KeyId {
		t.Error("another key came back")
	}
	without := check[*kms.GenerateDataKeyWithoutPlaintextOutput](t)(c.GenerateDataKeyWithoutPlaintext(ctx,
		&kms.GenerateDataKeyWithoutPlaintextInput{KeyId: k.KeyId, NumberOfBytes: aws.Int32(64)}))
	plain = check[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: without.CiphertextBlob}))
	if len(plain.Plaintext) != 64 {
		t.Errorf("%d bytes", len(plain.Plaintext))
	}
	_, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: aws.String(alias)})
	wantCode(t, err, "ValidationException")
}

func TestBlobsAreBound(t *testing.T) {
	_, c := start(t, kmsemu.Options{Aliases: []string{alias, "alias/other"}})
	ctx := t.Context()
	kctx := map[string]string{"a": "bc"}
	out := check[*kms.EncryptOutput](t)(c.Encrypt(ctx, &kms.EncryptInput{
		KeyId: aws.String(alias), Plaintext: []byte("text"), EncryptionContext: kctx,
	}))
	_, err := c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob, EncryptionContext: map[string]string{"ab": "c"}})
	wantCode(t, err, "InvalidCiphertextException")
	_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: out.CiphertextBlob})
	wantCode(t, err, "InvalidCiphertextException")
	_, err = c.Decrypt(ctx, &kms.DecryptInput{
		CiphertextBlob: out.CiphertextBlob, EncryptionContext: kctx, KeyId: aws.String("alias/other"),
	})
	wantCode(t, err, "IncorrectKeyException")
	for _, blob := range [][]byte{{1}, out.CiphertextBlob[:30], append([]byte{9}, out.CiphertextBlob[1:]...)} {
		_, err = c.Decrypt(ctx, &kms.DecryptInput{CiphertextBlob: blob, EncryptionContext: kctx})
		wantCode(t, err, "InvalidCiphertextException")
	}
	moved := check[*kms.ReEncryptOutput](t)(c.ReEncrypt(ctx, &kms.ReEncryptInput{
		CiphertextBlob: out.CiphertextBlob, SourceEncryptionContext: kctx,
		DestinationKeyId: aws.String("alias/other"), DestinationEncryptionContext: map[string]string{"new": "1"},
	}))
	plain := check[*kms.DecryptOutput](t)(c.Decrypt(ctx, &kms.DecryptInput{
		CiphertextBlob: moved.CiphertextBlob, EncryptionContext: map[string]string{"new": "1"}, KeyId: aws.String("alias/other"),
	}))
	if string(plain.Plaintext) != "text" {
		t.Errorf("got %q", plain.Plaintext)
	}
}

func TestKeyStates(t *testing.T) {
	_, c := start(t, kmsemu.Options{Aliases: []string{alias}})
	ctx := t.Context()
	encrypt := func() error {
		_, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: aws.String(alias), Plaintext: []byte("text")})
		return err
	}
	id := aws.String(alias)
	check[*kms.DisableKeyOutput](t)(c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: id}))
	wantCode(t, encrypt(), "DisabledException")
	check[*kms.EnableKeyOutput](t)(c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: id}))
	if err := encrypt(); err != nil {
		t.Error(err)
	}
	_, err := c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id, PendingWindowInDays: aws.Int32(3)})
	wantCode(t, err, "ValidationException")
	check[*kms.ScheduleKeyDeletionOutput](t)(c.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: id}))
	wantCode(t, encrypt(), "KMSInvalidStateException")
	_, err = c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: id})
	wantCode(t, err, "KMSInvalidStateException")
	if d := check[*kms.DescribeKeyOutput](t)(c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: id})); d.KeyMetadata.DeletionDate == nil {
		t.Error("no deletion date")
	}
}

func TestKeysSurviveARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.json")
	_, c := start(t, kmsemu.Options{Aliases: []string{alias}, File: file})
	out := check[*kms.EncryptOutput](t)(c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String(alias), Plaintext: []byte("text")}))
	_, c = start(t, kmsemu.Options{Aliases: []string{alias}, File: file})
	check[*kms.DecryptOutput](t)(c.Decrypt(t.Context(), &kms.DecryptInput{KeyId: aws.String(alias), CiphertextBlob: out.CiphertextBlob}))
	if _, err := kmsemu.New(kmsemu.Options{File: "/dev/null"}); err == nil {
		t.Error("read a file that is no key file")
	}
}

func TestFaults(t *testing.T) {
	e, c := start(t, kmsemu.Options{Aliases: []string{alias}})
	encrypt := func() error {
		_, err := c.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String(alias), Plaintext: []byte("text")})
		return err
	}
	for code, f := range map[string]kmsemu.Faults{
		"ThrottlingException":   {Throttle: 1},
		"KMSInternalException":  {Fail: 1},
		"AccessDeniedException": {Deny: true},
		"ExpiredTokenException": {Code: "ExpiredTokenException"},
	} {
		e.Set(f)
		wantCode(t, encrypt(), code)
	}
	e.Set(kmsemu.Faults{Throttle: 1})
	wantCode(t, encrypt(), "ThrottlingException")
	if err := encrypt(); err != nil {
		t.Errorf("after the last throttled request: %v", err)
	}
	e.Set(kmsemu.Faults{Drop: true})
	if encrypt() == nil {
		t.Error("dropped, yet answered")
	}
	e.Set(kmsemu.Faults{Deny: true, Only: "Decrypt"})
	if err := encrypt(); err != nil {
		t.Errorf("a fault of Decrypt: %v", err)
	}
	if n := e.Counts()["Encrypt"]; n != 8 || len(e.Requests()) != n {
		t.Errorf("%d requests counted, %d kept", n, len(e.Requests()))
	}
	e.Reset()
	if len(e.Counts())+len(e.Requests()) != 0 {
		t.Error("Reset keeps something")
	}
}

func TestRateLimit(t *testing.T) {
	e, c := start(t, kmsemu.Options{Aliases: []string{alias}})
	e.Set(kmsemu.Faults{Rate: 5, Latency: 20 * time.Millisecond})
	var throttled atomic.Int64
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			_, err := c.Encrypt(context.Background(), &kms.EncryptInput{KeyId: aws.String(alias), Plaintext: []byte("text")})
			var api smithy.APIError
			if errors.As(err, &api) && api.ErrorCode() == "ThrottlingException" {
				throttled.Add(1)
			}
		})
	}
	wg.Wait()
	if n := throttled.Load(); n < 5 || n > 15 { // the requests may lie in up to three seconds
		t.Errorf("%d throttled", n)
	}
	if n := e.Peak(); n < 2 || n > 20 {
		t.Errorf("%d at a time", n)
	}
	e.Reset()
	if e.Peak() != 0 {
		t.Error("Reset keeps the peak")
	}
}

// What the SDK would never send.
func TestMalformedRequests(t *testing.T) {
	e, err := kmsemu.New(kmsemu.Options{Aliases: []string{alias}})
	if err != nil {
		t.Fatal(err)
	}
	const good = "AWS4-HMAC-SHA256 Credential=AKID/20250101/us-east-1/kms/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" +
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, c := range []struct{ name, header, value, method, path, body, code string }{
		{name: "healthy", body: `{}`, code: ""},
		{name: "GET", method: "GET", code: "UnknownOperationException"},
		{name: "another path", path: "/x", code: "UnknownOperationException"},
		{name: "another operation", header: "X-Amz-Target", value: "TrentService.GetParametersForImport", body: `{}`, code: "UnknownOperationException"},
		{name: "another content type", header: "Content-Type", value: "text/plain", code: "SerializationException"},
		{name: "unsigned", header: "Authorization", value: "", code: "MissingAuthenticationTokenException"},
		{name: "signed for S3", header: "Authorization", value: strings.Replace(good, "/kms/", "/s3/", 1), code: "IncompleteSignatureException"},
		{name: "host not signed", header: "Authorization", value: strings.Replace(good, "host;", "", 1), code: "IncompleteSignatureException"},
		{name: "short signature", header: "Authorization", value: good[:len(good)-1], code: "IncompleteSignatureException"},
		{name: "no date", header: "X-Amz-Date", value: "", code: "IncompleteSignatureException"},
		{name: "no JSON", body: `{`, code: "SerializationException"},
		{name: "JSON of another type", body: `[]`, code: "SerializationException"},
		{name: "too large", body: strings.Repeat(" ", 2<<20), code: "SerializationException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := httptest.NewRequest(or(c.method, "POST"), or(c.path, "/"), strings.NewReader(c.body))
			for name, value := range map[string]string{
				"X-Amz-Target": "TrentService.ListAliases", "Content-Type": "application/x-amz-json-1.1",
				"Authorization": good, "X-Amz-Date": "20250101T000000Z",
			} {
				r.Header.Set(name, value)
			}
			if c.header != "" {
				r.Header.Set(c.header, c.value)
			}
			w := httptest.NewRecorder()
			e.ServeHTTP(w, r)
			body, _ := io.ReadAll(w.Body)
			if got := w.Header().Get("X-Amzn-Errortype"); got != c.code || (w.Code == http.StatusOK) != (c.code == "") ||
				c.code != "" && !strings.Contains(string(body), `"__type":"`+c.code+`"`) {
				t.Errorf("%d %q %.200s", w.Code, got, body)
			}
		})
	}
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
