// Package config is phiproxy's configuration: one struct tree, read from one strict YAML file with environment variables
// over it. Every problem of a file is reported at once, each with its line. The reference in docs/configuration.md is
// generated from this tree, so a setting cannot exist undocumented.
//
// Struct tags are the whole description of a setting:
//
//	yaml     its key
//	doc      its sentence in the reference
//	default  its value when neither file nor environment gives one
//	enum     the values it may have, separated by |
//	need     "true": it must be given
//	short    "true": a list element may be written as this field's value alone
//	file     "true": it names a file that must be readable when the configuration is loaded
package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// Config is the whole configuration.
type Config struct {
	Listen  Listen  `yaml:"listen" doc:"Where applications connect."`
	Backend Backend `yaml:"backend" doc:"The MySQL or MariaDB server behind the proxy."`
	Tables  []Table `yaml:"tables" need:"true" doc:"The protected tables. Every other table is relayed untouched."`
	Keys    Keys    `yaml:"keys" doc:"Where data keys come from, where their wrapped form is kept, and how long they are cached."`
	Audit   Audit   `yaml:"audit" doc:"The access log: who did what to whose protected values. Without dir none is kept, which the proxy says at its start. See [audit.md](audit.md)."`
	Admin   Admin   `yaml:"admin" doc:"The operator's HTTP port: key API, page, health and metrics. See [admin.md](admin.md)."`
	Log     Log     `yaml:"log" doc:"The log never holds a SQL literal, a protected value or key material."`
	Limits  Limits  `yaml:"limits" doc:"Bounds that protect the proxy itself."`
	Scratch Scratch `yaml:"scratch" doc:"The private MySQL or MariaDB, in memory, that evaluates what needs plaintext. See [scratch.md](scratch.md)."`
}

// Listen is the client leg.
type Listen struct {
	Address        string    `yaml:"address" default:"127.0.0.1:3307" doc:"host:port that MySQL clients connect to."`
	Socket         string    `yaml:"socket" doc:"Path of a unix socket that clients can connect to as well. Clients need the rights of its group (mode 0660)."`
	ProxyProtocol  []string  `yaml:"proxy_protocol" doc:"Addresses or networks (10.1.0.0/16) of load balancers. Their connections must begin with a PROXY protocol header, version 1 or 2, which says who the client is; from anywhere else such a header is an error."`
	TLS            ListenTLS `yaml:"tls" doc:"TLS towards clients. Without cert and self_signed the proxy offers none."`
	Compression    string    `yaml:"compression" default:"all" enum:"all|zlib|zstd|none" doc:"Compression that clients may ask for, whatever the backend does. It costs processor time and memory on both sides."`
	AllowPlaintext bool      `yaml:"allow_plaintext" doc:"Permits clients without TLS on an address other than loopback. Protected values then cross the network readable."`
}

// ListenTLS is the proxy's own certificate.
type ListenTLS struct {
	Cert       string `yaml:"cert" file:"true" doc:"PEM file with the proxy's certificate chain."`
	Key        string `yaml:"key" file:"true" doc:"PEM file with its private key."`
	SelfSigned bool   `yaml:"self_signed" doc:"Makes a certificate at start that lives in memory only. Clients can encrypt, but cannot verify whom they talk to."`
	Require    bool   `yaml:"require" doc:"Refuses clients that do not switch to TLS."`
	ClientCA   string `yaml:"client_ca" file:"true" doc:"PEM file with the authorities of client certificates. A client may then show one; its subject stands in the access log and the list of sessions. Users and passwords stay the database's."`
}

// Enabled reports whether the proxy offers TLS to clients.
func (t ListenTLS) Enabled() bool { return t.SelfSigned || t.Cert != "" }

// Backend is the server leg.
type Backend struct {
	Address        string     `yaml:"address" need:"true" doc:"host:port of the database server, or the path of its unix socket. Each client connection gets a connection of its own there, logged in as the client's own user."`
	TLS            BackendTLS `yaml:"tls" doc:"TLS towards the database server."`
	ProxyProtocol  string     `yaml:"proxy_protocol" default:"none" enum:"none|v1|v2" doc:"PROXY protocol header to send to the server, so that it sees the client's address: MariaDB's proxy_protocol_networks must name this host. MySQL takes none."`
	Compression    string     `yaml:"compression" default:"none" enum:"none|zlib|zstd" doc:"Compression to ask the server for, whatever clients do. A server that does not offer it is spoken to without. Sealed values do not compress."`
	ConnectTimeout Duration   `yaml:"connect_timeout" default:"10s" doc:"Longest wait for the TCP connection and the server's greeting."`
}

// UnixSocket reports whether an address is the path of a socket.
func UnixSocket(address string) bool { return strings.HasPrefix(address, "/") }

// Network is the network of an address, as package net names it.
func (b Backend) Network() string {
	if UnixSocket(b.Address) {
		return "unix"
	}
	return "tcp"
}

// Networks are the load balancers of ProxyProtocol.
func (l Listen) Networks() ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range l.ProxyProtocol {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			ip, failed := netip.ParseAddr(text)
			if failed != nil {
				return nil, fmt.Errorf("%q is no address or network", text)
			}
			network = netip.PrefixFrom(ip, ip.BitLen())
		}
		all = append(all, network.Masked())
	}
	return all, nil
}

// Versions of the PROXY protocol towards the backend.
const (
	ProxyProtocolV1 = "v1"
	ProxyProtocolV2 = "v2"
)

// Compression of a leg.
const (
	CompressAll  = "all" // what the other side chooses
	CompressZlib = "zlib"
	CompressZstd = "zstd"
	CompressNone = "none"
)

// Modes of TLS towards the backend.
const (
	TLSDisable = "disable" // never
	TLSRequire = "require" // encrypted, certificate not looked at
	TLSVerify  = "verify"  // encrypted, certificate and host name verified
)

// BackendTLS says how the proxy proves whom it talks to.
type BackendTLS struct {
	Mode       string `yaml:"mode" default:"verify" enum:"verify|require|disable" doc:"verify: encrypted, certificate chain and host name checked. require: encrypted, certificate not checked. disable: plain."`
	CA         string `yaml:"ca" file:"true" doc:"PEM file with the authorities to trust; the system's when absent."`
	ServerName string `yaml:"server_name" doc:"Name expected in the certificate; the host of backend.address when absent."`
	Cert       string `yaml:"cert" file:"true" doc:"PEM file with a client certificate, for servers that ask for one."`
	Key        string `yaml:"key" file:"true" doc:"PEM file with its private key."`
}

// How a table's flag column is shown to clients.
const (
	ShowHidden = "hidden" // clients see 0 in every clause
	ShowStored = "stored" // clients see what is stored
)

// Table is one protected table.
type Table struct {
	Schema    string   `yaml:"schema" need:"true" doc:"Database that holds the table."`
	Name      string   `yaml:"table" need:"true" doc:"The table."`
	Owner     string   `yaml:"owner" need:"true" doc:"Column with the owner of each row. A row's protected values are sealed under its owner's key."`
	Flag      string   `yaml:"flag" default:"phi_encrypted" doc:"Column that says 1 when every protected value of the row is sealed; '' for a table without one."`
	Show      string   `yaml:"show" default:"hidden" enum:"hidden|stored" doc:"What clients see in the flag column. hidden: 0, so that an application that once encrypted by itself leaves values alone. stored: the stored flag."`
	Family    string   `yaml:"family" doc:"First part of the columns' ids; the table's name when absent. An archive table names the table whose rows are copied into it, so that sealed values open in both."`
	Migrating bool     `yaml:"migrating" doc:"Rows may still hold plaintext or the old application's own base64 format, and are read as such. Otherwise a value that is not sealed is an error."`
	Columns   []Column `yaml:"columns" need:"true" doc:"The protected columns: a list of names, or of {name, id}."`
}

// Column is one protected column.
type Column struct {
	Name string `yaml:"name" need:"true" short:"true" doc:"The column."`
	ID   string `yaml:"id" doc:"Stable id that is bound into every sealed value; family.name when absent. It must never change once values are sealed, and values can be copied only between columns of one id."`
}

// Providers of the master key.
const (
	ProviderAWS   = "aws"
	ProviderLocal = "local"
)

// Keys says where data keys come from.
type Keys struct {
	Provider              string   `yaml:"provider" need:"true" enum:"aws|local" doc:"Who wraps data keys. aws: AWS KMS. local: a key file on this host, for demonstrations and tests."`
	Alias                 string   `yaml:"alias" default:"alias/surgicase-phi-master" doc:"KMS key id, ARN or alias of the master key (aws)."`
	Region                string   `yaml:"region" doc:"AWS region of the master key (aws). Credentials come from the usual AWS environment, profile or instance role."`
	Endpoint              string   `yaml:"endpoint" doc:"URL of another KMS endpoint: a VPC or FIPS endpoint, or an emulator (aws)."`
	AllowInsecureEndpoint bool     `yaml:"allow_insecure_endpoint" doc:"Permits an http:// endpoint that is not on loopback. Data keys then cross the network readable; for emulators only."`
	OldKeys               []string `yaml:"old_keys" doc:"Earlier master keys that still unwrap (aws): ids, ARNs or aliases. Needed from the change of alias until 'phiproxy keys rewrap' has moved every data key."`
	LocalFile             string   `yaml:"local_file" doc:"File with the local master key, mode 0600 (local)."`
	OldLocalFiles         []string `yaml:"old_local_files" doc:"Files with earlier local master keys that still unwrap (local)."`
	Timeout               Duration `yaml:"timeout" default:"2s" doc:"Longest wait for one KMS call, retries included."`
	Store                 Store    `yaml:"store" doc:"The proxy's own account at the database. It keeps the wrapped keys and the audit records, and reads the schema of the protected tables."`
	CacheTTL              Duration `yaml:"cache_ttl" default:"24h" doc:"How long an unwrapped data key stays in memory."`
	StaleFor              Duration `yaml:"stale_for" default:"1h" doc:"How much longer than cache_ttl a key serves on while the key service or the store cannot be reached. A revoked key is dropped at once."`
	WarmUp                bool     `yaml:"warm_up" default:"true" doc:"Loads the keys of all owners when the proxy starts, a few at a time, while it serves already."`
	GenerateOnFirstWrite  bool     `yaml:"generate_on_first_write" default:"true" doc:"Makes a key when the first value is written for an owner who has none. Otherwise such a write is an error. A destroyed key is never replaced by itself."`
	RotateAfterSeals      int      `yaml:"rotate_after_seals" default:"1073741824" min:"1" doc:"Values sealed under one version of a key, after which the next version is made by itself. The default is 2^30; at 2^32 (NIST SP 800-38D) sealing stops."`
	Parallel              int      `yaml:"parallel" default:"8" min:"1" doc:"Owners handled at a time when many keys are loaded, generated, rotated or wrapped anew."`
	Users                 Users    `yaml:"users" doc:"The application's table of users, for key coverage and for the rights of admin_user_id. It is only read, with the account of keys.store."`
	EMF                   EMF      `yaml:"emf" doc:"CloudWatch metrics of the key service and the key cache as Embedded Metric Format lines in the log."`
}

// Users names the application's table of users and its columns.
type Users struct {
	Table     string `yaml:"table" default:"user_profile" doc:"The table, with its database in front (database.table) when it is not the one of keys.store."`
	ID        string `yaml:"id" default:"user_id" doc:"Column with the user's id, which is the owner id of the protected tables."`
	Active    string `yaml:"active" default:"active" doc:"Column that is 1 for active users."`
	Type      string `yaml:"type" default:"user_type" doc:"Column with the type of user, a number; from 100 on an administrator."`
	FirstName string `yaml:"first_name" default:"first_name" doc:"Column with the first name, shown by 'phiproxy keys'; '' for none."`
	LastName  string `yaml:"last_name" default:"last_name" doc:"Column with the last name; '' for none."`
	Email     string `yaml:"email" default:"user_email" doc:"Column with the e-mail address; '' for none."`
}

// EMF says whether CloudWatch metrics are written to the log.
type EMF struct {
	Enabled   bool     `yaml:"enabled" doc:"Writes the lines. log.format must be json, and log.level at most info."`
	Namespace string   `yaml:"namespace" default:"phiproxy" doc:"CloudWatch namespace of the metrics."`
	Interval  Duration `yaml:"interval" default:"1m" doc:"Time between two lines."`
}

// Store is the database of the key tables.
type Store struct {
	DSN     Secret `yaml:"dsn" doc:"user:password@tcp(host:port)/database. The database must exist; 'phiproxy schema apply' makes the tables. TLS as for the backend unless the DSN has a tls parameter."`
	DSNFile string `yaml:"dsn_file" file:"true" doc:"File that holds the DSN, for secrets that are mounted as files."`
}

// What happens to statements about protected values while the access log cannot be written, and when it is flushed.
const (
	OnFullRefuse = "refuse"
	OnFullAllow  = "allow"
	SyncInterval = "interval"
	SyncEach     = "each"
)

// Audit is the access log.
type Audit struct {
	Dir                  string   `yaml:"dir" doc:"Directory of the log, of this proxy alone. It is made with mode 0700, its files with 0600; none is ever deleted."`
	KeyFile              string   `yaml:"key_file" doc:"PEM file with the Ed25519 key that signs the log, mode 0600. It is made, with the public key beside it in key_file.pub, when neither it nor the log exists."`
	Sync                 string   `yaml:"sync" default:"interval" enum:"interval|each" doc:"When records are flushed to the disk. interval: every sync_interval; a crash of the machine, not of the proxy, can lose the last of them. each: before the statement goes on."`
	SyncInterval         Duration `yaml:"sync_interval" default:"1s" doc:"Longest time between flushes."`
	SignInterval         Duration `yaml:"sign_interval" default:"10s" doc:"Longest time until a record is under a signature."`
	RotateSize           Size     `yaml:"rotate_size" default:"64MiB" min:"4096" doc:"Size at which a new file begins."`
	RotateAge            Duration `yaml:"rotate_age" default:"24h" doc:"Age at which a new file begins."`
	OnFull               string   `yaml:"on_full" default:"refuse" enum:"refuse|allow" doc:"What happens to statements about protected values while the log cannot be written, for instance on a full disk. refuse: error PHI-2101. allow: they run, and the log says afterwards how many it misses."`
	ApplicationAttribute string   `yaml:"application_attribute" doc:"Connection attribute that names the user within the application, such as app_user; a query attribute of the same name, which MySQL clients can send with a statement, names the user of that statement. It is recorded as the client sent it: it is as true as the application."`
}

// Enabled reports whether an access log is kept.
func (a Audit) Enabled() bool { return a.Dir != "" }

// Admin is the HTTP port.
type Admin struct {
	Enabled      bool          `yaml:"enabled" default:"true" doc:"Opens the admin port."`
	Address      string        `yaml:"address" default:"127.0.0.1:8306" doc:"host:port of the admin port."`
	AllowRemote  bool          `yaml:"allow_remote" doc:"Permits an address other than loopback, which needs TLS."`
	Hosts        []string      `yaml:"hosts" doc:"Host names that requests may carry besides localhost and IP addresses; any other is refused, which stops DNS rebinding."`
	OpenMetrics  bool          `yaml:"open_metrics" doc:"Answers /metrics without a token. It holds counts and configured names only."`
	TLS          AdminTLS      `yaml:"tls" doc:"TLS of the admin port."`
	Tokens       []Token       `yaml:"tokens" doc:"Who may use the port. There is no default token: 'phiproxy token new' makes one. Taken up within seconds when the file changes, and on SIGHUP."`
	Certificates []Certificate `yaml:"certificates" doc:"Client certificates that may use the port without a token. Taken up like tokens."`
}

// AdminTLS is the certificate of the admin port.
type AdminTLS struct {
	Cert       string `yaml:"cert" file:"true" doc:"PEM file with the certificate chain of the admin port."`
	Key        string `yaml:"key" file:"true" doc:"PEM file with its private key."`
	SelfSigned bool   `yaml:"self_signed" doc:"Makes a certificate at start that lives in memory only. Callers can encrypt, but cannot verify whom they talk to."`
	ClientCA   string `yaml:"client_ca" file:"true" doc:"PEM file with the authorities that sign the client certificates of admin.certificates."`
}

// Enabled reports whether the port speaks TLS only.
func (t AdminTLS) Enabled() bool { return t.SelfSigned || t.Cert != "" }

// Roles of the admin port.
const (
	RoleViewer = "viewer" // looks
	RoleAdmin  = "admin"  // changes keys too
)

// Token is one bearer token of the admin port.
type Token struct {
	Name    string `yaml:"name" need:"true" doc:"Whose token it is; stands in logs and audit records."`
	SHA256  string `yaml:"sha256" need:"true" doc:"SHA-256 of the whole token, 64 hexadecimal digits."`
	Role    string `yaml:"role" need:"true" enum:"viewer|admin" doc:"viewer: may look. admin: may change keys too."`
	Expires Moment `yaml:"expires" need:"true" doc:"When it ends: a time such as 2027-06-30T12:00:00Z, or a date, which counts in full (UTC)."`
	UserID  string `yaml:"user_id" doc:"The application's user that this token acts as. admin_user_id must then be this one, and may be left out."`
}

// Certificate is one client certificate of the admin port.
type Certificate struct {
	Name   string `yaml:"name" need:"true" doc:"The certificate's subject common name."`
	Role   string `yaml:"role" need:"true" enum:"viewer|admin" doc:"viewer: may look. admin: may change keys too."`
	UserID string `yaml:"user_id" doc:"The application's user that this certificate acts as, as for tokens."`
}

// Log says what is logged where.
type Log struct {
	Level  string `yaml:"level" default:"info" enum:"debug|info|warn|error" doc:"Least level that is logged."`
	Format string `yaml:"format" default:"json" enum:"json|console" doc:"json: one object a line. console: for people."`
	File   string `yaml:"file" doc:"File to append to; standard error when absent."`
}

// Limits are bounds on what clients can make the proxy hold.
type Limits struct {
	MaxConnections int      `yaml:"max_connections" default:"10000" min:"1" doc:"Client connections at a time; one more is answered with error 1040."`
	MaxStatement   Size     `yaml:"max_statement" default:"64MiB" min:"1024" doc:"Longest statement that names a protected table. Others are relayed whatever their length."`
	LoginTimeout   Duration `yaml:"login_timeout" default:"10s" doc:"Longest time from connecting to being logged in."`
	LookupRows     int      `yaml:"lookup_rows" default:"10000" min:"1" doc:"Most rows that one UPDATE of protected columns may change."`
	LookupBytes    Size     `yaml:"lookup_bytes" default:"64MiB" min:"65536" doc:"Most bytes of rows that the proxy reads into memory for one statement."`
	RememberedRows int      `yaml:"remembered_rows" default:"65536" min:"0" doc:"Rows whose sealed values are kept in memory, at most 4 KiB each and mostly a few hundred bytes, so that an UPDATE of a row that was seen before needs no look at it; 0 for none."`
	Shapes         int      `yaml:"shapes" default:"10000" min:"16" doc:"Statement plans kept in memory."`
	DrainTimeout   Duration `yaml:"drain_timeout" default:"30s" doc:"After SIGTERM, how long running transactions may take to finish."`
}
