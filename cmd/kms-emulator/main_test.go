package main

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"phiproxy/keys/kmsemu"
)

func TestServe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- serve(ctx, address, kmsemu.Options{Aliases: []string{"alias/x"}}) }()
	if status, err := askUntilUp(address); err != nil || status != http.StatusBadRequest {
		t.Errorf("an unsigned request: %d, %v", status, err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// askUntilUp posts a request as soon as somebody listens.
func askUntilUp(address string) (status int, err error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var r *http.Response
		if r, err = http.Post("http://"+address, "application/x-amz-json-1.1", strings.NewReader("{}")); err == nil {
			return r.StatusCode, r.Body.Close()
		}
	}
	return 0, err
}

func TestServeRefuses(t *testing.T) {
	if err := serve(t.Context(), "no such address", kmsemu.Options{}); err == nil {
		t.Error("listened nowhere")
	}
	if err := serve(t.Context(), "127.0.0.1:0", kmsemu.Options{File: "/dev/null"}); err == nil {
		t.Error("read a file that is no key file")
	}
}
