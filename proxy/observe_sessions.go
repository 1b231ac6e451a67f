package proxy

import (
	"cmp"
	"crypto/tls"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// SessionInfo is one client connection, for an administrator. It never holds SQL.
type SessionInfo struct {
	ID            uint64
	User          string
	Application   string // user within the application, see Config.ApplicationAttribute
	Client        string // address:port
	TLS           string // version, "" without
	TLSSubject    string // of the client's verified certificate
	Database      string // the login's, or what it was when a statement about a protected table last asked
	Since         time.Time
	InTransaction bool
	Idle          bool   // waits for its client
	LastVerb      string // first word of its last statement, or its last command
	Statements    uint64 // commands, in truth: the steps of a prepared statement count one each
	Rows          uint64 // sent to the client
}

// identity is who a session's client is, as far as the access log is concerned.
type identity struct {
	client      string // address:port
	subject     string // of the verified certificate
	application string // what the configured connection attribute says
}

// view is what Sessions shows of a session. The session's goroutine writes it, others read it.
type view struct {
	commands atomic.Uint64
	rows     atomic.Uint64
	status   atomic.Uint32
	verb     atomic.Uint32 // index into verbs

	mu       sync.Mutex
	client   string // address:port
	user     string
	who      identity
	tls      string // version
	database string
}

// identify keeps who logs in. The attributes are those of the login packet.
func (s *session) identify(attributes []byte) {
	s.who = identity{client: s.view.client, application: s.applicationUser(attributes)}
	state := s.client.TLS()
	if state != nil && len(state.VerifiedChains) > 0 {
		s.who.subject = state.PeerCertificates[0].Subject.String()
	}
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	s.view.user, s.view.who = s.user, s.who
	if state != nil {
		s.view.tls = tls.VersionName(state.Version)
	}
}

// applicationUser reads the configured connection attribute. What is malformed has no value.
func (s *session) applicationUser(attributes []byte) (user string) {
	wanted := s.srv.cfg.ApplicationAttribute
	if wanted == "" {
		return ""
	}
	_ = packet.EachAttribute(attributes, func(key, value []byte) {
		if string(key) == wanted {
			user = string(value)
		}
	})
	return user
}

// uses keeps the session's current database for the list of sessions.
func (s *session) uses(database string) {
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	if s.view.database != database {
		s.view.database = database
	}
}

// commanded counts a command of the client.
func (s *session) commanded(p []byte) {
	s.commands++
	s.seen = observed{}
	s.view.commands.Store(s.commands)
	s.view.verb.Store(uint32(verbOf(p, s.attributed())))
}

// settledView shows where the session stands between two commands.
func (s *session) settledView() {
	s.view.status.Store(uint32(s.status))
	s.view.rows.Store(s.rows)
	s.sent()
}

// verbs are the words that Sessions shows, the empty one first.
var verbs = [...]string{"", "other", "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "SHOW", "SET", "BEGIN", "START", "COMMIT", "ROLLBACK",
	"USE", "CALL", "WITH", "CREATE", "ALTER", "DROP", "TRUNCATE", "LOCK", "UNLOCK", "LOAD", "GRANT", "EXPLAIN", "DESCRIBE", "SAVEPOINT", "DO",
	"PREPARE", "EXECUTE", "PING", "QUIT"}

// verbIndex is verbs the other way round. It is never written after it is built.
var verbIndex = func() map[string]int {
	m := make(map[string]int, len(verbs))
	for i, v := range verbs {
		m[v] = i
	}
	return m
}()

const otherVerb = 1

// verbOf returns the index in verbs of what a command does. Attributed tells that attributes precede the text of a query.
func verbOf(p []byte, attributed bool) int {
	if len(p) == 0 {
		return 0
	}
	switch p[0] {
	case mysql.COM_QUERY:
		text := p[1:]
		if attributed {
			_, text, _ = packet.SplitQuery(p)
		}
		word, _ := firstWord(text)
		var upper [maxKeyword]byte
		if i, ok := verbIndex[string(appendUpper(upper[:0], word))]; ok && i > 0 {
			return i
		}
	case mysql.COM_STMT_PREPARE:
		return verbIndex["PREPARE"]
	case mysql.COM_STMT_EXECUTE:
		return verbIndex["EXECUTE"]
	case mysql.COM_PING:
		return verbIndex["PING"]
	case mysql.COM_INIT_DB:
		return verbIndex["USE"]
	case mysql.COM_QUIT:
		return verbIndex["QUIT"]
	}
	return otherVerb
}

// Sessions lists the client connections, oldest first. One that has not logged in yet has no user.
func (srv *Server) Sessions() []SessionInfo {
	srv.mu.Lock()
	list := make([]SessionInfo, 0, len(srv.sessions))
	for s := range srv.sessions {
		list = append(list, s.info())
	}
	srv.mu.Unlock()
	slices.SortFunc(list, func(a, b SessionInfo) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

func (s *session) info() SessionInfo {
	v := &s.view
	v.mu.Lock()
	defer v.mu.Unlock()
	return SessionInfo{
		ID: s.id, User: v.user, Application: v.who.application, Client: v.client, TLS: v.tls, TLSSubject: v.who.subject, Database: v.database,
		Since: s.started, InTransaction: uint16(v.status.Load())&mysql.SERVER_STATUS_IN_TRANS != 0, Idle: s.idle.Load(),
		LastVerb: verbs[v.verb.Load()], Statements: v.commands.Load(), Rows: v.rows.Load(),
	}
}
