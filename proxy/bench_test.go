package proxy

import (
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// BenchmarkRelay measures a command's whole way over loopback, the scripted client and server included: compare with
// itself only.
func BenchmarkRelay(b *testing.B) {
	rows := make([][]byte, 5000)
	for i := range rows {
		rows[i] = textOf("Jane", "Doe", "Some insurance company", "1980-02-03")
	}
	benchmarks := []struct {
		name     string
		response [][]byte
	}{
		{"ok", [][]byte{okPacket(idle)}},
		{"one row", resultSet(baseCaps, idle, rows[0])},
		{"5000 rows", resultSet(baseCaps, idle, rows...)},
	}
	for _, bm := range benchmarks {
		b.Run(bm.name, func(b *testing.B) {
			server := newBackend(b, func([]byte) [][]byte { return bm.response })
			server.forget = true
			c := newProxy(b, server, nil).login(baseCaps)
			size := 0
			for _, p := range bm.response {
				size += len(p)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				c.send([]byte{mysql.COM_QUERY, 'S', 'E', 'L', 'E', 'C', 'T'})
				for range bm.response {
					if _, err := c.ReadPacket(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkStatusFlags is what relaying adds for every OK and EOF.
func BenchmarkStatusFlags(b *testing.B) {
	ok := packet.OK{AffectedRows: 3, InsertID: 70000, Status: idle}
	p := ok.Append(nil, baseCaps)
	for b.Loop() {
		if _, ok := statusFlags(p); !ok {
			b.Fatal("malformed")
		}
	}
}
