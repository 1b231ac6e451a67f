package proxy

import "github.com/go-mysql-org/go-mysql/mysql"

// reach says on which legs a capability may hold, TLS aside.
type reach uint8

const (
	masked   reach = iota // on neither: it changes the form of packets in ways that the proxy does not read
	shared                // on both or on neither, as the client asks and the server offers
	fronted               // on the client leg as the server offers it; the proxy answers for it
	separate              // on each leg by itself, as configured
	wanted                // shared, and asked of the server for the proxy's own sake whatever the client says
)

// capabilities is the one place that says what becomes of each capability. What it does not name is masked:
// OPTIONAL_RESULTSET_METADATA, REMEMBER_OPTIONS, and all that MariaDB calls its own, which travels in a field that is always
// zero here. TLS is each leg's own affair and decided by the configuration.
var capabilities = [...]struct {
	bit   uint32
	reach reach
}{
	{mysql.CLIENT_LONG_PASSWORD, shared},
	{mysql.CLIENT_FOUND_ROWS, shared},
	{mysql.CLIENT_LONG_FLAG, shared},
	{mysql.CLIENT_CONNECT_WITH_DB, shared},
	{mysql.CLIENT_NO_SCHEMA, shared},
	{mysql.CLIENT_ODBC, shared},
	{mysql.CLIENT_LOCAL_FILES, shared}, // see exec_load.go and exec_load_relay.go
	{mysql.CLIENT_IGNORE_SPACE, shared},
	{mysql.CLIENT_PROTOCOL_41, shared},
	{mysql.CLIENT_INTERACTIVE, shared},
	{mysql.CLIENT_IGNORE_SIGPIPE, shared},
	{mysql.CLIENT_TRANSACTIONS, shared},
	{mysql.CLIENT_RESERVED, shared},
	{mysql.CLIENT_SECURE_CONNECTION, shared},
	{mysql.CLIENT_MULTI_RESULTS, shared},
	{mysql.CLIENT_PS_MULTI_RESULTS, shared},
	{mysql.CLIENT_PLUGIN_AUTH, shared},
	{mysql.CLIENT_CONNECT_ATTRS, shared},
	{mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA, shared},
	{mysql.CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS, shared},
	{mysql.MULTI_FACTOR_AUTHENTICATION, shared},
	{mysql.CLIENT_SESSION_TRACK, wanted},
	{mysql.CLIENT_DEPRECATE_EOF, shared},
	{mysql.CLIENT_QUERY_ATTRIBUTES, shared},
	{mysql.CLIENT_MULTI_STATEMENTS, fronted}, // see batch.go
	{mysql.CLIENT_COMPRESS, separate},
	{mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM, separate},
}

// reaching returns the capabilities that reach as far as one of those given.
func reaching(far ...reach) (bits uint32) {
	for _, c := range capabilities {
		for _, r := range far {
			if c.reach == r {
				bits |= c.bit
			}
		}
	}
	return bits
}

// legs is what a proxy offers and asks for, computed once.
type legs struct {
	offered  uint32 // to clients, of what the server offers
	own      uint32 // to clients, whatever it offers
	asked    uint32 // of the server, of what the client agreed to
	demanded uint32 // of the server besides, when it offers it
}

func newLegs(client, backend Compression) legs {
	separate := reaching(separate)
	return legs{
		offered: reaching(shared, fronted, wanted), own: separate & uint32(client),
		asked: reaching(shared, wanted), demanded: reaching(wanted) | separate&uint32(backend),
	}
}

// offer is what the greeting offers to the client.
func (l legs) offer(server uint32, tls bool) uint32 {
	caps := server&l.offered | l.own
	if tls {
		caps |= mysql.CLIENT_SSL
	}
	return caps
}

// agree is what holds on the client leg, TLS aside. The bit that MariaDB calls CLIENT_MYSQL says who the client is and
// is kept whatever was offered.
func (l legs) agree(client, offered uint32) uint32 {
	return client & (offered | mysql.CLIENT_LONG_PASSWORD) &^ mysql.CLIENT_SSL
}

// ask is what holds on the backend leg, TLS aside.
func (l legs) ask(agreed, server uint32) uint32 {
	return agreed&l.asked | server&l.demanded
}

func (s *session) has(capability uint32) bool { return s.caps&capability != 0 }

func (s *session) deprecateEOF() bool { return s.has(mysql.CLIENT_DEPRECATE_EOF) }

func (s *session) inTransaction() bool { return s.status&mysql.SERVER_STATUS_IN_TRANS != 0 }

func (s *session) autocommit() bool { return s.status&mysql.SERVER_STATUS_AUTOCOMMIT != 0 }
