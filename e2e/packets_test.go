package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/google/go-cmp/cmp"

	"phiproxy/e2e/client"
	"phiproxy/e2e/harness"
	"phiproxy/e2e/pump"
	"phiproxy/e2e/servers"
	"phiproxy/proxy/packet"
)

// Sizes around the point where a payload goes on in a second packet.
var bigSizes = []int{1<<24 - 2, 1<<24 - 1, 1 << 24, 1<<24 + 1, 1<<24 + 2, 64 << 20}

// Packets of every size pass in both directions, in both protocols.
func TestBigPackets(t *testing.T) {
	onEach(t, real(), func(t *testing.T, s *servers.Server) {
		p := startProxy(t, harness.Options{Server: s, Database: "big"})
		c := app(t, p)
		exec(t, c, "CREATE TABLE big (id INT PRIMARY KEY, v LONGBLOB)")
		for i, size := range bigSizes {
			bigText(t, c, 2*i, size)
			bigPrepared(t, c, 2*i+1, size)
		}
	})
}

// bigText sends a statement, and reads a row, of exactly size bytes.
func bigText(t *testing.T, c *client.Conn, id, size int) {
	t.Helper()
	head := fmt.Sprintf("INSERT INTO big VALUES (%d, '", id)
	value := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size-1-len(head)-2] // the command byte counts too
	exec(t, c, head+string(value)+"')")
	sum := sha256.Sum256(value)
	got := query(t, c, fmt.Sprintf("SELECT SHA2(v, 256) FROM big WHERE id = %d", id))
	if got.Rows[0][0].Data != hex.EncodeToString(sum[:]) {
		t.Errorf("statement of %d bytes: the value arrived damaged", size)
	}
	// A row of one value of size-4 or size-9 bytes has a payload of size bytes.
	length := size - packet.LenEncSize(uint64(size))
	r := query(t, c, fmt.Sprintf("SELECT REPEAT('x', %d), 'end'", length))
	if len(r.Rows) != 1 || len(r.Rows[0][0].Data) != length || r.Rows[0][1].Data != "end" {
		t.Errorf("row of %d bytes: arrived damaged", size)
	}
}

func bigPrepared(t *testing.T, c *client.Conn, id, size int) {
	t.Helper()
	value := bytes.Repeat([]byte("fedcba9876543210"), size/16+1)[:size-64]
	prepareAndExecute(t, c, "INSERT INTO big VALUES (?, ?)", false, number(mysql.MYSQL_TYPE_LONG, false, uint64(id), 4), bound(mysql.MYSQL_TYPE_BLOB, false, value))
	q, err := c.Prepare("SELECT v FROM big WHERE id = ?")
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Execute(q, number(mysql.MYSQL_TYPE_LONG, false, uint64(id), 4))
	if err != nil || len(r[0].Rows) != 1 || r[0].Rows[0][0].Data != string(value) {
		t.Errorf("prepared, %d bytes: arrived damaged (%v)", size, err)
	}
}

// A statement for a protected table may be longer than one packet, and sealing may make it grow past that point.
func TestBigProtectedStatements(t *testing.T) {
	s := server(t, servers.MariaDB)
	p := startProxy(t, harness.Options{Server: s, Database: "big_protected"})
	c := app(t, p)
	for i, size := range []int{1<<24 - 200, 1<<24 - 2, 1<<24 - 1, 1 << 24, 1<<24 + 100} {
		head := fmt.Sprintf("INSERT INTO cases (case_id, user_id, patient_first) VALUES ('b%d', '%s', 'Big') /* ", i, provider(1))
		exec(t, c, head+strings.Repeat("x", size-1-len(head)-3)+" */")
	}
	if got := query(t, c, "SELECT COUNT(*), MIN(case_id) FROM cases WHERE patient_first IS NOT NULL").Rows[0][0].Data; got != "5" {
		t.Errorf("%s rows", got)
	}
	rows := make([]string, 20000)
	for i := range rows {
		rows[i] = fmt.Sprintf("('m%d', '%s', 'First %d', 'Last %d', '1984-02-09')", i, provider(1+i%5), i, i)
	}
	exec(t, c, "INSERT INTO cases (case_id, user_id, patient_first, patient_last, patient_dob) VALUES "+strings.Join(rows, ","))
	all := query(t, c, "SELECT case_id, patient_first, patient_last FROM cases WHERE case_id LIKE 'm%' ORDER BY human_case_id").Rows
	for i, row := range all {
		if want := []string{fmt.Sprintf("m%d", i), fmt.Sprintf("First %d", i), fmt.Sprintf("Last %d", i)}; !cmp.Equal(want, text(row)) {
			t.Fatalf("row %d: %v", i, text(row))
		}
	}
	if len(all) != len(rows) {
		t.Errorf("%d rows", len(all))
	}
}

// The same statements give the same answers when TCP hands over a few bytes at a time, on both legs.
func TestSlicedStreams(t *testing.T) {
	s := server(t, servers.MariaDB)
	back, err := pump.Start(s.Addr, 7)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	p := startProxy(t, harness.Options{Server: s, Database: "sliced_crypt", Backend: back.Addr()})
	front, err := pump.Start(p.Addr, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer front.Close()
	if err := harness.CreateDatabase(s, "sliced_plain"); err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(client.Options{Addr: front.Addr(), User: servers.AppUser, Password: servers.AppPassword, Database: p.Database})
	two := &pair{
		plain: side{conn: direct(t, s, "sliced_plain"), database: "sliced_plain"}, sealed: side{conn: opened(t, c, err), database: p.Database}, gaps: map[string]bool{},
	}
	two.load(t, s, "--users", "4", "--cases", "2")
	for i, st := range surgicase(t) {
		two.run(t, st, i%2 == 1)
	}
}

// Garbage in any phase closes that connection or is answered with an error; the proxy lives on and loses nothing.
func TestMalformedPackets(t *testing.T) {
	s := server(t, servers.MariaDB)
	p := startProxy(t, harness.Options{Server: s, Database: "malformed", ListenTLS: true})
	bystander := app(t, p)
	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		garbageLogin(t, p, r)
	}
	for range 150 {
		garbageCommands(t, p, r)
	}
	query(t, bystander, "SELECT COUNT(*) FROM cases")
	query(t, app(t, p), "SELECT case_id, patient_first FROM cases")
	if p.Process.Exited() {
		t.Error("the proxy is gone")
	}
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// mutate changes, cuts off or adds bytes.
func mutate(r *rand.Rand, b []byte) []byte {
	b = bytes.Clone(b)
	for range 1 + r.IntN(4) {
		switch i := r.IntN(len(b)); r.IntN(3) {
		case 0:
			b[i] = byte(r.Uint32())
		case 1:
			b = b[:i+1]
		default:
			b = append(b, randomBytes(r, 1+r.IntN(8))...)
		}
	}
	return b
}

func garbageLogin(t *testing.T, p *harness.Proxy, r *rand.Rand) {
	t.Helper()
	c, err := client.Connect(p.Addr, 0)
	if err != nil {
		t.Fatal(err)
	}
	h := packet.HandshakeResponse{User: []byte("app"), Database: []byte("malformed"), AuthPlugin: []byte("mysql_native_password"), AuthResponse: randomBytes(r, 20)}
	h.Capabilities, h.MaxPacketSize, h.Collation = 0xffffffff&^(mysql.CLIENT_SSL|mysql.CLIENT_COMPRESS), 1<<24, 45
	payload := mutate(r, h.Append(nil))
	size := len(payload)
	if r.IntN(4) == 0 {
		size = r.IntN(1 << 24)
	}
	_ = c.WriteRaw(append([]byte{byte(size), byte(size >> 8), byte(size >> 16), byte(1 + r.IntN(2)*r.IntN(255))}, payload...))
	if r.IntN(2) == 0 {
		_, _ = readSome(c)
	}
	_ = c.Close()
}

// readSome reads an answer if one comes soon; half a packet is answered by nothing.
func readSome(c *client.Conn) ([]byte, error) {
	c.SetTimeout(20 * time.Millisecond)
	return c.Read()
}

func garbageCommands(t *testing.T, p *harness.Proxy, r *rand.Rand) {
	t.Helper()
	c, err := p.App()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	prepared, err := c.Prepare("SELECT case_id, patient_first FROM cases WHERE case_id = ? AND user_id = ?")
	if err != nil {
		t.Fatal(err)
	}
	e := packet.Execute{StatementID: prepared.StatementID, Iterations: 1, NewTypes: true, Params: []packet.Param{stringParam("a"), stringParam("b")}}
	commands := [][]byte{
		e.Append(nil), append([]byte{mysql.COM_QUERY}, "SELECT patient_first FROM cases WHERE case_id = 'x'"...),
		append([]byte{mysql.COM_STMT_PREPARE}, "UPDATE cases SET patient_first = ?"...), {mysql.COM_STMT_CLOSE, 1, 0, 0, 0}, {mysql.COM_STMT_SEND_LONG_DATA, 1, 0, 0, 0, 0, 0, 'x'},
		{mysql.COM_CHANGE_USER, 'a', 0, 0, 0}, append([]byte{mysql.COM_FIELD_LIST}, "cases\x00%"...), {mysql.COM_SET_OPTION, 0, 0}, {mysql.COM_STMT_FETCH, 1, 0, 0, 0, 1, 0, 0, 0},
	}
	for range 5 {
		b := mutate(r, commands[r.IntN(len(commands))])
		if b[0] == mysql.COM_SHUTDOWN || b[0] == mysql.COM_PROCESS_KILL {
			continue // these the server would obey
		}
		if err := c.Command(b[0], b[1:]); err != nil {
			return
		}
		if _, err := readSome(c); err != nil {
			if e, ok := err.(net.Error); !ok || !e.Timeout() {
				return
			}
		}
	}
}
