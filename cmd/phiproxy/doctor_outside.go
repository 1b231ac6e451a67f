package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"phiproxy/audit"
	"phiproxy/config"
	"phiproxy/keys"
)

// keyService has a data key made and unwrapped.
func (d *doctor) keyService(ctx context.Context) {
	const check = "key service"
	provider, err := newProvider(ctx, d.cfg.Keys)
	if err == nil {
		err = provider.Check(ctx)
	}
	switch {
	case errors.Is(err, keys.ErrRevoked):
		d.fail(check, err.Error(), "the key's policy and the role's must allow kms:GenerateDataKey and kms:Decrypt; the key must exist in keys.region, be enabled and not pending deletion")
	case errors.Is(err, keys.ErrUnavailable):
		d.fail(check, err.Error(), "check the network to the key service, keys.endpoint and keys.region, and the credentials in the environment")
	case err != nil:
		d.fail(check, err.Error(), "")
	case d.cfg.Keys.Provider == config.ProviderLocal:
		d.warn(check, "the master key is a file on this host: for demonstrations and tests", "use provider aws; keep a copy of the file elsewhere until then, for without it nothing can be read")
	default:
		d.ok(check, "%s makes and unwraps data keys", d.cfg.Keys.Alias)
	}
}

// auditDirectory looks whether the access log can be written.
func (d *doctor) auditDirectory(context.Context) {
	const check = "access log"
	a := d.cfg.Audit
	if !a.Enabled() {
		d.warn(check, "none is kept, so nobody can say later who saw whose data", "set audit.dir and audit.key_file")
		return
	}
	free, err := tryDirectory(a.Dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		d.tryParent(check, a.Dir)
	case err != nil:
		d.logFails(check, err)
	case free < uint64(roomFor*a.RotateSize):
		d.warn(check, fmt.Sprintf("%s has %d MiB left", a.Dir, free>>20), "make room before it is full: files may be moved away once they are archived, never edited")
	default:
		d.ok(check, "%s can be written, %d MiB left", a.Dir, free>>20)
	}
	if _, err := audit.ReadPublicKey(a.KeyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		d.fail(check, err.Error(), "audit.key_file must be the PEM file that phiproxy serve made, mode 0600")
	}
}

// roomFor is how many files of the log the disk should still hold.
const roomFor = 10

func (d *doctor) logFails(check string, err error) {
	text := err.Error()
	if d.cfg.Audit.OnFull == audit.Refuse {
		text += ": statements about protected values are refused"
	}
	d.fail(check, text, "make the directory writable for the proxy's own user, and see that the disk has room")
}

// tryParent judges a directory that serve will make.
func (d *doctor) tryParent(check, dir string) {
	if _, err := tryDirectory(filepath.Dir(dir)); err != nil {
		d.logFails(check, err)
		return
	}
	d.ok(check, "%s will be made by phiproxy serve", dir)
}

// tryDirectory writes a file there, removes it again, and returns the free bytes.
func tryDirectory(dir string) (free uint64, err error) {
	f, err := os.CreateTemp(dir, ".phiproxy-doctor-*")
	if err != nil {
		return 0, err
	}
	_, err = f.WriteString("doctor")
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return 0, err
	}
	return freeBytes(dir)
}

// tokens looks at who may use the admin port, and how long still.
func (d *doctor) tokens(context.Context) {
	const check = "admin tokens"
	a := d.cfg.Admin
	if !a.Enabled {
		d.ok(check, "the admin port is off")
		return
	}
	if len(a.Tokens)+len(a.Certificates) == 0 {
		d.warn(check, "nobody can use the admin port", "phiproxy token new makes a token")
		return
	}
	bad := 0
	for _, t := range a.Tokens {
		end := t.Expires.Time()
		text := fmt.Sprintf("the token of %s ends on %s", t.Name, end.UTC().Format(time.DateOnly))
		switch left := end.Sub(d.now()); {
		case left < 0:
			d.warn(check, text+": it has expired", "remove it, or make another with phiproxy token new")
		case left < soon:
			d.warn(check, text, "make another with phiproxy token new")
		default:
			continue
		}
		bad++
	}
	if bad == 0 {
		d.ok(check, "%s, %s", plural(len(a.Tokens), "token"), plural(len(a.Certificates), "client certificate"))
	}
}
