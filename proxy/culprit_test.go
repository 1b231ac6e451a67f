package proxy

import (
	"context"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/prometheus/client_golang/prometheus"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// Every connection that ends is logged and counted once, under the one side that ended it.
func TestCulprits(t *testing.T) {
	refuse := func(b *backend) {
		b.login = func(c *wire.Conn, _ *packet.HandshakeResponse) bool {
			_ = write(c, errPacket(1045))
			return false
		}
	}
	gone := func(b *backend) { b.script = func([]byte) [][]byte { return nil } }
	panics := func(c *Config) { c.Planner = func() *rewrite.Planner { panic("at the disco") } }
	for _, tt := range []struct {
		name    string
		culprit fault.Culprit
		backend func(*backend)
		config  func(*Config)
		run     func(*proxied)
	}{
		{"says goodbye", fault.Client, nil, nil, func(p *proxied) { p.login(baseCaps).send([]byte{mysql.COM_QUIT}) }},
		{"vanishes", fault.Client, nil, nil, func(p *proxied) { _ = p.login(baseCaps).nc.Close() }},
		{"vanishes before the login", fault.Client, nil, nil, func(p *proxied) { _ = p.connect().nc.Close() }},
		{"sends nonsense", fault.Client, nil, nil, func(p *proxied) { _ = write(p.connect().Conn, []byte{1, 2, 3}) }},
		{"is refused by the server", fault.Auth, refuse, nil, func(p *proxied) { p.connect().respond(baseCaps, nil) }},
		{"loses the server", fault.Backend, gone, nil, func(p *proxied) { p.login(baseCaps).send([]byte{mysql.COM_PING}) }},
		{"asks too much of the proxy", fault.Internal, nil, panics, func(p *proxied) { p.login(baseCaps).send(sqlCommand("SELECT 1")) }},
		{"is one too many", fault.Limits, nil, func(c *Config) { c.Limits.MaxConnections = 1 }, func(p *proxied) {
			p.login(baseCaps)
			p.dial()
		}},
		{"is there at the end", fault.Limits, nil, nil, func(p *proxied) {
			p.login(baseCaps)
			_ = p.srv.Shutdown(context.Background())
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			b := newBackend(t, alwaysOK)
			if tt.backend != nil {
				tt.backend(b)
			}
			p := newProxy(t, b, func(c *Config) {
				c.Metrics = NewMetrics(registry)
				if tt.config != nil {
					tt.config(c)
				}
			})
			tt.run(p)
			if got := p.closed()["culprit"]; got != string(tt.culprit) {
				t.Errorf("the log blames %v", got)
			}
			if got := endsOf(t, registry); len(got) != 1 || got[string(tt.culprit)] != 1 {
				t.Errorf("counted %v", got)
			}
		})
	}
}

// endsOf are the ends of sessions by culprit.
func endsOf(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]float64{}
	for _, f := range families {
		if f.GetName() != "phiproxy_sessions_closed_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			if n := m.GetCounter().GetValue(); n > 0 {
				ends[m.GetLabel()[0].GetValue()] = n
			}
		}
	}
	return ends
}
