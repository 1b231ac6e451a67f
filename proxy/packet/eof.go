package packet

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// EOF is an EOF packet of protocol 4.1.
type EOF struct {
	Warnings uint16
	Status   uint16
}

// Decode reads the packet.
func (e *EOF) Decode(b []byte) error {
	r := reader{b: b}
	if r.uint8() != mysql.EOF_HEADER {
		return ErrMalformed
	}
	*e = EOF{Warnings: r.uint16(), Status: r.uint16()}
	return r.done()
}

// Append encodes the packet.
func (e *EOF) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(append(dst, mysql.EOF_HEADER), e.Warnings)
	return binary.LittleEndian.AppendUint16(dst, e.Status)
}
