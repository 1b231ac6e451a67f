package main

import (
	"context"
	"crypto/fips140"
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"

	"phiproxy/admin"
)

func versionCommand() command {
	return command{
		name: "version", short: "print what this is", long: "Prints the version, the revision it was built from, and whether Go's FIPS 140-3 module is in use.",
		setup: func(*flag.FlagSet) runner {
			return func(_ context.Context, env environment, _ []string) error {
				b := build()
				fips := "off"
				if b.FIPS {
					fips = "on"
				}
				fmt.Fprintf(env.out, "phiproxy %s (revision %s, %s, fips140 %s)\n", b.Version, b.Revision, b.Go, fips)
				return nil
			}
		},
	}
}

// build reads what the Go linker recorded about this binary.
func build() admin.Build {
	b := admin.Build{Version: "(devel)", Revision: "unknown", Go: runtime.Version(), FIPS: fips140.Enabled()}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if info.Main.Version != "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value
		}
	}
	return b
}
