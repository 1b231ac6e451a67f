package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
)

func indexed(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// problem reports unless the setting, or a section around it, was reported already: one mistake, one line.
func (d *decoder) problem(path, format string, args ...any) {
	for around := path; !d.bad[around]; around = around[:max(0, strings.LastIndexAny(around, ".["))] {
		if around == "" {
			d.report(path, format, args...)
			return
		}
	}
}

// check reports what is wrong with values that are of the right type.
func (d *decoder) check(c *Config) {
	d.checkListen(c.Listen)
	d.checkBackend(c.Backend)
	d.checkTables(c.Tables)
	d.checkKeys(c.Keys)
	d.checkEMF(c.Keys.EMF, c.Log)
	d.checkAudit(c.Audit)
	d.checkAdmin(c.Admin)
	d.checkScratch(c.Scratch)
}

func (d *decoder) checkAudit(a Audit) {
	if a.Dir != "" && a.KeyFile == "" {
		d.problem("audit.key_file", "is missing beside audit.dir: it holds the key that signs the log")
	}
	if a.Dir == "" && a.KeyFile != "" {
		d.problem("audit.dir", "is missing beside audit.key_file")
	}
}

func (d *decoder) checkListen(l Listen) {
	d.checkAddress("listen.address", l.Address)
	d.checkPair("listen.tls", l.TLS.Cert, l.TLS.Key)
	if l.Socket != "" && !UnixSocket(l.Socket) {
		d.problem("listen.socket", "wants an absolute path")
	}
	if _, err := l.Networks(); err != nil {
		d.problem("listen.proxy_protocol", "%v", err)
	}
	if l.TLS.SelfSigned && l.TLS.Cert != "" {
		d.problem("listen.tls.self_signed", "cannot stand beside listen.tls.cert")
	}
	if l.TLS.Require && !l.TLS.Enabled() {
		d.problem("listen.tls.require", "needs listen.tls.cert and key, or self_signed")
	}
	if l.TLS.ClientCA != "" && !l.TLS.Enabled() {
		d.problem("listen.tls.client_ca", "needs listen.tls.cert and key, or self_signed")
	}
	if !l.TLS.Require && !l.AllowPlaintext && !isLoopback(l.Address) {
		d.problem("listen.address", "is not loopback, so protected values would cross the network readable; set listen.tls.require, or listen.allow_plaintext where the network is trusted")
	}
}

func (d *decoder) checkBackend(b Backend) {
	if b.Address != "" && !UnixSocket(b.Address) {
		d.checkAddress("backend.address", b.Address)
	}
	d.checkPair("backend.tls", b.TLS.Cert, b.TLS.Key)
	if UnixSocket(b.Address) && b.TLS.Mode == TLSVerify && b.TLS.ServerName == "" {
		d.problem("backend.tls.server_name", "is missing: a unix socket has no host name to verify; set it, or backend.tls.mode to disable, since passwords do not leave this host")
	}
	if b.TLS.Mode == TLSVerify || d.bad["backend.tls.mode"] {
		return
	}
	if b.TLS.CA != "" {
		d.problem("backend.tls.ca", "has no effect unless backend.tls.mode is verify")
	}
	if b.TLS.ServerName != "" {
		d.problem("backend.tls.server_name", "has no effect unless backend.tls.mode is verify")
	}
}

// checkPair reports a certificate without its key or the other way round.
func (d *decoder) checkPair(section, cert, key string) {
	if cert == "" && key != "" {
		d.problem(section+".cert", "is missing beside %s.key", section)
	}
	if cert != "" && key == "" {
		d.problem(section+".key", "is missing beside %s.cert", section)
	}
}

func (d *decoder) checkAddress(path, address string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		d.problem(path, "wants host:port, such as 127.0.0.1:3307")
		return
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		d.problem(path, "wants a port from 0 to 65535")
	}
}

func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return true // not an address at all: reported elsewhere
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (d *decoder) checkTables(tables []Table) {
	seen := map[string]int{} // folded schema.table -> index
	for i, t := range tables {
		path := indexed("tables", i)
		name := strings.ToLower(t.Schema + "." + t.Name)
		if first, ok := seen[name]; ok && t.Name != "" {
			d.problem(path+".table", "is listed twice, first as tables[%d]", first)
		}
		seen[name] = i
		d.checkColumns(path, t)
		d.checkName(path+".schema", t.Schema)
		d.checkName(path+".table", t.Name)
		d.checkName(path+".owner", t.Owner)
		d.checkName(path+".flag", t.Flag)
		d.checkName(path+".family", t.Family)
	}
}

// checkName holds configured names to ASCII: folding them is then the same everywhere.
func (d *decoder) checkName(path, name string) {
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' || c == '`' {
			d.problem(path, "wants a name of printable ASCII characters without backquotes")
			return
		}
	}
	if len(name) > 64 {
		d.problem(path, "is longer than the 64 characters that the server allows")
	}
}

func (d *decoder) checkColumns(table string, t Table) {
	names, ids := map[string]bool{}, map[string]bool{}
	for j, c := range t.Columns {
		path := indexed(table+".columns", j)
		name := strings.ToLower(c.Name)
		switch {
		case c.Name == "":
			continue
		case names[name]:
			d.problem(path+".name", "is listed twice")
		case name == strings.ToLower(t.Owner):
			d.problem(path+".name", "is the owner column, which cannot be protected: it says whose key opens the row")
		case name == strings.ToLower(t.Flag):
			d.problem(path+".name", "is the flag column, which cannot be protected")
		case c.ID != "" && ids[c.ID]:
			d.problem(path+".id", "belongs to another column of this table too: their values could be exchanged unnoticed")
		}
		names[name], ids[c.ID] = true, true
		d.checkName(path+".name", c.Name)
		d.checkName(path+".id", c.ID)
	}
}

// mostSeals is the greatest keys.rotate_after_seals.
const mostSeals = 1 << 31

func (d *decoder) checkKeys(k Keys) {
	switch k.Provider {
	case ProviderAWS:
		d.checkAWS(k)
	case ProviderLocal:
		if k.LocalFile == "" {
			d.problem("keys.local_file", "is missing: provider local keeps its master key there")
		}
	}
	if k.RotateAfterSeals > mostSeals {
		d.problem("keys.rotate_after_seals", "is beyond 2^31: a key must be replaced well before the 2^32 values that it may seal")
	}
	switch {
	case k.Store.DSN.Empty() && k.Store.DSNFile == "":
		d.problem("keys.store.dsn", "is missing: give dsn, dsn_file or %s", envName("keys.store.dsn"))
	case !k.Store.DSN.Empty() && k.Store.DSNFile != "":
		d.problem("keys.store.dsn_file", "cannot stand beside keys.store.dsn")
	case !k.Store.DSN.Empty():
		d.checkDSN("keys.store.dsn", k.Store.DSN)
	}
}

// checkEMF refuses settings under which the lines would be lost or unreadable to CloudWatch.
func (d *decoder) checkEMF(e EMF, l Log) {
	switch {
	case !e.Enabled:
	case l.Format != "json":
		d.problem("keys.emf.enabled", "needs log.format json")
	case l.Level != "info" && l.Level != "debug":
		d.problem("keys.emf.enabled", "needs log.level info or debug")
	}
}

func (d *decoder) checkAWS(k Keys) {
	if k.Region == "" {
		d.problem("keys.region", "is missing: provider aws needs the region of the master key")
	}
	if k.Alias == "" {
		d.problem("keys.alias", "is missing: provider aws needs the master key's id, ARN or alias")
	}
	if k.Endpoint == "" {
		return
	}
	u, err := url.Parse(k.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		d.problem("keys.endpoint", "wants a URL such as https://kms-fips.us-east-1.amazonaws.com")
		return
	}
	d.checkEndpointHost(u, k.AllowInsecureEndpoint)
}

// checkEndpointHost keeps data keys off readable networks, and requests off a cloud's metadata service, whose address is
// link-local: an endpoint there would hand it signed requests.
func (d *decoder) checkEndpointHost(u *url.URL, allowInsecure bool) {
	ip, err := netip.ParseAddr(u.Hostname())
	if err == nil && (ip.IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()) {
		d.problem("keys.endpoint", "is a link-local, unspecified or multicast address, where no KMS lives")
		return
	}
	loopback := u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
	if u.Scheme == "http" && !loopback && !allowInsecure {
		d.problem("keys.endpoint", "is http, so data keys would cross the network readable; use https, or set keys.allow_insecure_endpoint for an emulator")
	}
}

// checkDSN parses the DSN. The driver's own error text is not shown, since it may quote the password.
func (d *decoder) checkDSN(path string, dsn Secret) {
	parsed, err := mysql.ParseDSN(dsn.Reveal())
	switch {
	case err != nil:
		d.problem(path, "is not a DSN of the form user:password@tcp(host:port)/database")
	case parsed.DBName == "":
		d.problem(path, "names no database; the key tables need one")
	}
}

func (d *decoder) checkAdmin(a Admin) {
	if !a.Enabled {
		return
	}
	d.checkAddress("admin.address", a.Address)
	switch {
	case isLoopback(a.Address):
	case !a.AllowRemote:
		d.problem("admin.address", "is not loopback; set admin.allow_remote and admin.tls where the port must be reached from elsewhere")
	case !a.TLS.Enabled():
		d.problem("admin.address", "is not loopback, so tokens would cross the network readable; set admin.tls.cert and key, or self_signed")
	}
	d.checkAdminTLS(a)
	d.checkTokens(a.Tokens)
	names := map[string]bool{}
	for i, c := range a.Certificates {
		if c.Name != "" && names[c.Name] {
			d.problem(indexed("admin.certificates", i)+".name", "is listed twice")
		}
		names[c.Name] = true
	}
}

func (d *decoder) checkAdminTLS(a Admin) {
	d.checkPair("admin.tls", a.TLS.Cert, a.TLS.Key)
	switch {
	case a.TLS.SelfSigned && a.TLS.Cert != "":
		d.problem("admin.tls.self_signed", "cannot stand beside admin.tls.cert")
	case a.TLS.ClientCA != "" && !a.TLS.Enabled():
		d.problem("admin.tls.client_ca", "needs admin.tls.cert and key, or self_signed")
	}
	if len(a.Certificates) > 0 && a.TLS.ClientCA == "" {
		d.problem("admin.certificates", "needs admin.tls.client_ca, whose authorities sign them")
	}
}

var (
	tokenName = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)
	tokenHash = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)
)

func (d *decoder) checkTokens(tokens []Token) {
	names, hashes := map[string]bool{}, map[string]bool{}
	for i, t := range tokens {
		path, hash := indexed("admin.tokens", i), strings.ToLower(t.SHA256)
		switch {
		case t.Name == "":
		case !tokenName.MatchString(t.Name):
			d.problem(path+".name", "wants 1 to 64 letters, digits, dots and hyphens")
		case names[t.Name]:
			d.problem(path+".name", "is listed twice")
		}
		switch {
		case hash == "":
		case !tokenHash.MatchString(hash):
			d.problem(path+".sha256", "wants 64 hexadecimal digits, as 'phiproxy token new' prints them")
		case hashes[hash]:
			d.problem(path+".sha256", "belongs to another token too")
		}
		names[t.Name], hashes[hash] = true, true
	}
}
