package proxy

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/keys"
	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// failingKeys is a key ring that has every fault there is, one after the other, and no key.
type failingKeys struct{ random *rand.Rand }

var keyErrors = []error{
	keys.ErrNoKey, keys.ErrInactive, keys.ErrOwner, keys.ErrUnavailable, keys.ErrRevoked, keys.ErrCorrupt, keys.ErrDestroyed, keys.ErrWorn,
	keys.ErrAudit, keys.ErrStore, context.DeadlineExceeded,
}

func (f *failingKeys) fail() (*keys.OwnerKeys, error) {
	return nil, fmt.Errorf("owner: %w", keyErrors[f.random.IntN(len(keyErrors))])
}

func (f *failingKeys) ForRead(context.Context, string) (*keys.OwnerKeys, error)  { return f.fail() }
func (f *failingKeys) ForWrite(context.Context, string) (*keys.OwnerKeys, error) { return f.fail() }
func (f *failingKeys) Refresh(context.Context, string) (*keys.OwnerKeys, error)  { return f.fail() }

// Whatever fails of the key service, the key store and the key audit, a value that cannot be sealed is not sent, and the
// connection goes on.
func TestHundredThousandKeyFaults(t *testing.T) {
	const secret = "SECRET"
	var leaks atomic.Int32
	b := observedBackend(t)
	answer := b.script
	b.script = func(p []byte) [][]byte {
		if bytes.Contains(p, []byte(secret)) {
			leaks.Add(1)
		}
		return answer(p)
	}
	planner := rewrite.NewPlanner(observedSchema(t), 100)
	p := newProxy(t, b, func(c *Config) {
		c.Planner = func() *rewrite.Planner { return planner }
		c.Keys = &failingKeys{rand.New(rand.NewPCG(7, 11))}
	})
	app := p.loginAs("ann", "nurse")
	statements := []string{
		"INSERT INTO people (id, owner, name) VALUES (1, 'o1', 'SECRET')", "INSERT INTO people (id, owner, name) VALUES (1, 'o1', NULL), (2, 'o2', 'SECRET')",
		"INSERT INTO people SET id = 1, owner = 'o1', name = 'SECRET'", "INSERT IGNORE INTO people (name, owner, id) VALUES ('SECRET', 'o1', 3)",
	}
	for i := range 100_000 {
		if i%1000 == 0 {
			_ = app.nc.SetDeadline(time.Now().Add(patience))
		}
		got := app.query(statements[i%len(statements)])
		if !packet.IsErr(got) || errorOf(t, got).Code != fault.KeyStore.Code {
			t.Fatalf("%s: answer %q", statements[i%len(statements)], got)
		}
	}
	if n := leaks.Load(); n > 0 {
		t.Errorf("%d statements reached the server with their value", n)
	}
	if got := app.query("SET @a = 1"); got[0] != mysql.OK_HEADER {
		t.Errorf("the connection does not go on: %q", got)
	}
}
