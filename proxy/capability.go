package proxy

import "github.com/go-mysql-org/go-mysql/mysql"

// passed are the capabilities that clients and servers may agree on through the proxy: all others change the form of
// packets in ways that it does not read. What is missing on purpose: compression (COMPRESS, ZSTD), LOCAL_FILES,
// MULTI_STATEMENTS, QUERY_ATTRIBUTES, OPTIONAL_RESULTSET_METADATA, MULTI_FACTOR_AUTHENTICATION, and MariaDB's own.
const passed uint32 = mysql.CLIENT_LONG_PASSWORD | mysql.CLIENT_FOUND_ROWS | mysql.CLIENT_LONG_FLAG |
	mysql.CLIENT_CONNECT_WITH_DB | mysql.CLIENT_NO_SCHEMA | mysql.CLIENT_ODBC | mysql.CLIENT_IGNORE_SPACE |
	mysql.CLIENT_PROTOCOL_41 | mysql.CLIENT_INTERACTIVE | mysql.CLIENT_IGNORE_SIGPIPE | mysql.CLIENT_TRANSACTIONS |
	mysql.CLIENT_RESERVED | mysql.CLIENT_SECURE_CONNECTION | mysql.CLIENT_MULTI_RESULTS | mysql.CLIENT_PS_MULTI_RESULTS |
	mysql.CLIENT_PLUGIN_AUTH | mysql.CLIENT_CONNECT_ATTRS | mysql.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA |
	mysql.CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS | mysql.CLIENT_SESSION_TRACK | mysql.CLIENT_DEPRECATE_EOF

// offeredCaps is what the proxy's greeting offers, from what the backend's offers.
func offeredCaps(backend uint32, tls bool) uint32 {
	caps := backend & passed
	if tls {
		caps |= mysql.CLIENT_SSL
	}
	return caps
}

// agreedCaps is what holds on the client leg, TLS aside. The bit that MariaDB calls CLIENT_MYSQL says who the client is
// and is kept whatever was offered.
func agreedCaps(client, offered uint32) uint32 {
	return client & (offered | mysql.CLIENT_LONG_PASSWORD) &^ mysql.CLIENT_SSL
}

// backendCaps is what holds on the backend leg, TLS aside: what the client asked for, and session tracking for the
// proxy itself.
func backendCaps(agreed, backend uint32) uint32 {
	return agreed | backend&mysql.CLIENT_SESSION_TRACK
}

func (s *session) has(capability uint32) bool { return s.caps&capability != 0 }

func (s *session) deprecateEOF() bool { return s.has(mysql.CLIENT_DEPRECATE_EOF) }

func (s *session) inTransaction() bool { return s.status&mysql.SERVER_STATUS_IN_TRANS != 0 }

func (s *session) autocommit() bool { return s.status&mysql.SERVER_STATUS_AUTOCOMMIT != 0 }
