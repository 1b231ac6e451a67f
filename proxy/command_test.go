package proxy

import (
	"bytes"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
)

// Commands that are refused never reach the server, and the connection goes on.
func TestRefusedCommands(t *testing.T) {
	tests := []struct {
		name    string
		command []byte
		want    *fault.Fault
	}{
		{"empty", nil, fault.PacketMalformed},
		{"sleep", []byte{mysql.COM_SLEEP}, fault.CommandUnknown},
		{"create db", []byte{mysql.COM_CREATE_DB, 'x'}, fault.CommandUnsupported},
		{"drop db", []byte{mysql.COM_DROP_DB, 'x'}, fault.CommandUnsupported},
		{"connect", []byte{mysql.COM_CONNECT}, fault.CommandUnknown},
		{"time", []byte{mysql.COM_TIME}, fault.CommandUnknown},
		{"delayed insert", []byte{mysql.COM_DELAYED_INSERT}, fault.CommandUnknown},
		{"binlog dump", []byte{mysql.COM_BINLOG_DUMP, 0, 0, 0, 0}, fault.CommandUnsupported},
		{"binlog dump GTID", []byte{mysql.COM_BINLOG_DUMP_GTID}, fault.CommandUnsupported},
		{"table dump", []byte{mysql.COM_TABLE_DUMP, 1, 'd', 1, 't'}, fault.CommandUnsupported},
		{"register replica", []byte{mysql.COM_REGISTER_SLAVE}, fault.CommandUnsupported},
		{"clone", []byte{mysql.COM_CLONE}, fault.CommandUnsupported},
		{"short set option", []byte{mysql.COM_SET_OPTION, 1}, fault.PacketMalformed},
		{"short execute", []byte{mysql.COM_STMT_EXECUTE, 1, 0}, fault.PacketMalformed},
		{"short fetch", []byte{mysql.COM_STMT_FETCH}, fault.PacketMalformed},
		{"change user to gbk", changeUser(28), fault.DangerousCharset},
		{"change user to MariaDB's gbk_nopad", changeUser(1024 + 28), fault.DangerousCharset},
		{"short change user", []byte{mysql.COM_CHANGE_USER, 'x'}, fault.PacketMalformed},
		{"MariaDB bulk execute", []byte{0xfa, 1, 0, 0, 0}, fault.CommandUnknown},
		{"MariaDB multi", []byte{0xfe}, fault.CommandUnknown},
		{"unknown", []byte{0x80}, fault.CommandUnknown},
	}
	b := newBackend(t, alwaysOK)
	c := newProxy(t, b, nil).login(baseCaps)
	for i, tt := range tests {
		e := errorOf(t, c.ask(tt.command))
		if e.Code != tt.want.Code || e.State != tt.want.State || string(e.Message) != tt.want.Message() {
			t.Errorf("%s: answer %d %s %s", tt.name, e.Code, e.State, e.Message)
		}
		if got := c.ask([]byte{mysql.COM_PING}); !packet.IsOK(got) {
			t.Fatalf("%s: out of step: %x", tt.name, got)
		}
		if got := len(b.seen()); got != i+1 {
			t.Fatalf("%s: the server saw %d commands", tt.name, got)
		}
	}
}

func changeUser(collation uint16) []byte {
	c := packet.ChangeUser{User: []byte("else"), AuthResponse: []byte("proof"), Collation: collation, AuthPlugin: []byte(mysql.AUTH_NATIVE_PASSWORD)}
	return c.Append(nil, baseCaps)
}

func TestChangeUserIsAnotherLogin(t *testing.T) {
	step := packet.AuthSwitchRequest{Plugin: mysql.AUTH_NATIVE_PASSWORD, Data: append([]byte("tsrqponmlkjihgfedcba"), 0)}
	b := newBackend(t, func(command []byte) [][]byte {
		if command[0] == mysql.COM_CHANGE_USER {
			return [][]byte{step.Append(nil)}
		}
		return [][]byte{okPacket(idle)}
	})
	b.afterSwitch = true
	p := newProxy(t, b, nil)
	c := p.login(baseCaps)
	if got := c.ask(changeUser(45)); !bytes.Equal(got, step.Append(nil)) {
		t.Fatalf("answer %x", got)
	}
	c.write([]byte("new proof"))
	if got := c.read(); !packet.IsOK(got) {
		t.Fatalf("answer %x", got)
	}
	if got := c.ask([]byte{mysql.COM_PING}); !packet.IsOK(got) {
		t.Fatalf("out of step: %x", got)
	}
	c.send([]byte{mysql.COM_QUIT})
	if got := p.closed()["user"]; got != "else" {
		t.Errorf("user %v", got)
	}
}

// Commands without an answer are passed on in order, and nothing is answered.
func TestCommandsWithoutAnswer(t *testing.T) {
	b := newBackend(t, func(command []byte) [][]byte {
		if command[0] == mysql.COM_PING {
			return [][]byte{okPacket(idle)}
		}
		return [][]byte{}
	})
	c := newProxy(t, b, nil).login(baseCaps)
	sent := [][]byte{
		{mysql.COM_STMT_CLOSE, 1, 0, 0, 0}, append([]byte{mysql.COM_STMT_SEND_LONG_DATA, 2, 0, 0, 0, 0, 0}, bytesOf(100_000)...),
		{mysql.COM_STMT_CLOSE, 2, 0, 0, 0}, {mysql.COM_PING},
	}
	for _, command := range sent {
		c.send(command)
	}
	if got := c.read(); !packet.IsOK(got) {
		t.Fatalf("answer %x", got)
	}
	for i, got := range b.seen() {
		if !bytes.Equal(got, sent[i]) {
			t.Errorf("command %d arrived with %d bytes instead of %d", i, len(got), len(sent[i]))
		}
	}
}

// A malformed command that has no answer cannot be answered with an error: the client would read it as the next answer.
func TestMalformedCommandWithoutAnswerEndsTheSession(t *testing.T) {
	p := newProxy(t, newBackend(t, alwaysOK), nil)
	c := p.login(baseCaps)
	c.send([]byte{mysql.COM_STMT_CLOSE, 1})
	if got := p.closed()["culprit"]; got != string(fault.Client) {
		t.Errorf("culprit %v", got)
	}
}

// MariaDB's clients may name the statement prepared last by -1.
func TestLastPreparedStatement(t *testing.T) {
	b := newBackend(t, func(command []byte) [][]byte {
		if command[0] == mysql.COM_STMT_PREPARE {
			ok := packet.PrepareOK{StatementID: 5}
			return [][]byte{ok.Append(nil)}
		}
		return [][]byte{okPacket(idle)}
	})
	c := newProxy(t, b, nil).login(baseCaps)
	c.ask([]byte("\x16SET @x = 1"))
	c.ask([]byte{mysql.COM_STMT_EXECUTE, 0xff, 0xff, 0xff, 0xff, 0, 1, 0, 0, 0})
	if got := b.seen()[1]; !bytes.Equal(got, []byte{mysql.COM_STMT_EXECUTE, 5, 0, 0, 0, 0, 1, 0, 0, 0}) {
		t.Errorf("the server got %x", got)
	}
}

func TestEffects(t *testing.T) {
	both := changesSession | changesSchema
	all := both | locksTables
	tests := []struct {
		sql  string
		want effect
	}{
		{"SELECT 1", 0}, {" \n\t(select 1)", 0}, {"/* c */ # x\n -- y\nInsert into t", 0}, {"begin", 0}, {"BEGIN WORK;", 0},
		{"START TRANSACTION", 0}, {"WITH x AS (SELECT 1) SELECT 2", 0}, {"rollback to a", 0},
		{"SET @x = 1", changesSession}, {"USE db", changesSession},
		{"BEGIN NOT ATOMIC SET sql_mode = ''; END", both}, {"CREATE TABLE t (a INT)", both}, {"CALL p()", changesSession}, {"EXECUTE s", changesSession | locksTables}, {"LOCK TABLES t READ", locksTables}, {"FLUSH TABLES t WITH READ LOCK", changesSession | locksTables}, {"UNLOCK TABLES", 0},
		{"/*!40000 LOCK TABLES t WRITE */", all},
		{"/*!40101 SET NAMES utf8 */;", changesSession}, {"/*!50001 CREATE VIEW v AS SELECT 1 */", all},
		{"/*!50001 SET @x = 1 */ ; DROP TABLE t", all}, {"/*!40101 SET @x = 1", all}, {"/*M!100000 SELECT 1 */", all}, {"", all}, {"/* unterminated", all}, {"--1", all},
		{"/**/SELECT 1", 0}, {"/*/ SELECT 1", all}, {"# only a comment", all}, {"XA START 'x'", changesSession}, {"SELECTED", both},
	}
	for _, tt := range tests {
		if got := effectOf([]byte(tt.sql)); got != tt.want {
			t.Errorf("%q: %b instead of %b", tt.sql, got, tt.want)
		}
	}
}

func FuzzEffectOf(f *testing.F) {
	for _, s := range []string{"SELECT 1", "/* a */ SET x", "-- \nUSE d", "(((", "#", "/*", "/*/", "--"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, sql []byte) {
		word, rest := firstWord(sql)
		if !bytes.HasSuffix(sql, append(word[:len(word):len(word)], rest...)) {
			t.Fatalf("%q and %q are no end of %q", word, rest, sql)
		}
	})
}

func TestSchemaChangesAreTold(t *testing.T) {
	told := make(chan struct{}, 10)
	p := newProxy(t, newBackend(t, alwaysOK), func(c *Config) { c.SchemaChanged = func() { told <- struct{}{} } })
	c := p.login(baseCaps)
	for _, sql := range []string{"SELECT 1", "SET @x = 1", "INSERT INTO t VALUES (1)", "ALTER TABLE t ADD b INT"} {
		c.ask(append([]byte{mysql.COM_QUERY}, sql...))
	}
	<-told
	if c.ask([]byte{mysql.COM_PING}); len(told) != 0 {
		t.Errorf("told %d times more", len(told))
	}
}

// protectedSchema has the table hospital.cases with a protected DATE.
func protectedSchema(t *testing.T) *rewrite.Schema {
	t.Helper()
	date, err := logical.Parse(logical.Definition{Type: "date"})
	if err != nil {
		t.Fatal(err)
	}
	cases := &rewrite.Table{
		Schema: "hospital", Name: "cases", Protected: true, Owner: 0, Flag: -1, AutoInc: -1,
		Columns: []rewrite.Column{
			{Name: "user_id", Type: "varchar(100)"},
			{Name: "patient_dob", Type: "varbinary(200)", Protected: &rewrite.Protected{ID: "cases.patient_dob", Type: date, Definition: "date"}},
		},
	}
	s := &rewrite.Schema{Tables: map[string]*rewrite.Table{}, Opaque: map[string]string{}}
	s.Tables[s.Key("hospital", "cases")] = cases
	s.Opaque[s.Key("hospital", "all_cases")] = "view"
	return s
}

// The mysql command line asks for the columns of every table it finds; a protected one shows its logical types.
func TestFieldListShowsLogicalTypes(t *testing.T) {
	stored := packet.Column{Catalog: []byte("def"), OrgName: []byte("patient_dob"), Type: mysql.MYSQL_TYPE_VAR_STRING, Charset: 63, Length: 200, HasDefault: true}
	b := newBackend(t, func(command []byte) [][]byte {
		if command[0] == mysql.COM_QUERY {
			return stateAnswer([]byte(""), []byte("utf8mb4"), []byte("utf8mb4"), []byte("utf8mb4"), []byte("hospital"), []byte("1"))
		}
		return [][]byte{column("user_id"), stored.Append(nil), eofPacket(idle)}
	})
	planner := rewrite.NewPlanner(protectedSchema(t), 16)
	c := newProxy(t, b, func(c *Config) { c.Planner = func() *rewrite.Planner { return planner } }).login(baseCaps)
	for table, want := range map[string]byte{"cases": mysql.MYSQL_TYPE_DATE, "other_cases": mysql.MYSQL_TYPE_VAR_STRING} {
		if got := c.ask(append([]byte{mysql.COM_FIELD_LIST}, table+"\x00"...)); !bytes.Equal(got, column("user_id")) {
			t.Fatalf("%s: first column %x", table, got)
		}
		var dob packet.Column
		if err := dob.Decode(c.read()); err != nil || dob.Type != want || !dob.HasDefault {
			t.Errorf("%s: %+v, %v", table, dob, err)
		}
		if got := c.read(); !bytes.Equal(got, eofPacket(idle)) {
			t.Fatalf("%s: end %x", table, got)
		}
	}
	if e := errorOf(t, c.ask([]byte("\x04all_cases\x00"))); e.Code != fault.Opaque.Code {
		t.Errorf("view: %d %s", e.Code, e.Message)
	}
}
