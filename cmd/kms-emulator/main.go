// Command kms-emulator serves a KMS for demonstrations and tests; see package kmsemu. It must never hold real keys.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"phiproxy/keys/kmsaws"
	"phiproxy/keys/kmsemu"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:4566", "`address` to serve on")
	file := flag.String("file", "", "key `file`; without it keys end with the process")
	alias := flag.String("alias", kmsaws.DefaultKeyID, "comma-separated `aliases` that exist from the start")
	region := flag.String("region", kmsemu.DefaultRegion, "AWS region in ARNs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o := kmsemu.Options{Region: *region, Aliases: strings.Split(*alias, ","), File: *file}
	if err := serve(ctx, *listen, o); err != nil {
		fmt.Fprintln(os.Stderr, "kms-emulator:", err)
		os.Exit(1)
	}
}

// serve answers until the context ends.
func serve(ctx context.Context, listen string, o kmsemu.Options) error {
	emulator, err := kmsemu.New(o)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("KMS emulator on http://%s, not for real keys\n", l.Addr())
	server := &http.Server{Handler: emulator, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 64 << 10}
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
