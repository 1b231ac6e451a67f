package proxy

import (
	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/wire"
)

// Compression is a set of algorithms that a leg may be compressed with.
type Compression uint32

// The algorithms of the protocol.
const (
	Zlib Compression = Compression(mysql.CLIENT_COMPRESS)
	Zstd Compression = Compression(mysql.CLIENT_ZSTD_COMPRESSION_ALGORITHM)
)

// defaultZstdLevel is what clients ask for unless told otherwise.
const defaultZstdLevel = 3

// startCompression compresses each leg as agreed for it. Everything up to the end of the login went without.
func (s *session) startCompression() error {
	if err := compress(s.client, s.caps, int(s.zstdLevel)); err != nil {
		return err
	}
	return compress(s.backend, s.backCaps, defaultZstdLevel)
}

// compress starts what a leg's capabilities say: zlib when both are agreed, as clients and servers have it.
func compress(leg *wire.Conn, caps uint32, level int) error {
	switch agreed := Compression(caps); {
	case agreed&Zlib != 0:
		return leg.StartCompression(wire.Zlib, 0)
	case agreed&Zstd != 0:
		return leg.StartCompression(wire.Zstd, level)
	}
	return nil
}
