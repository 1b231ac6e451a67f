package packet

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Err is an ERR packet.
type Err struct {
	Code    uint16
	State   string // SQLSTATE, five characters; "" when the packet has none (before the login, or without CLIENT_PROTOCOL_41)
	Message []byte
}

const stateMarker = '#'

// Decode reads an ERR packet. The SQLSTATE is recognised by its marker, since servers leave it out of errors that they
// send before the capabilities are agreed.
func (e *Err) Decode(b []byte) error {
	r := reader{b: b}
	if r.uint8() != mysql.ERR_HEADER {
		return ErrMalformed
	}
	*e = Err{Code: r.uint16()}
	if len(r.b) >= 6 && r.b[0] == stateMarker {
		r.skip(1)
		e.State = string(r.bytes(5))
	}
	e.Message = r.rest()
	return r.done()
}

// Append encodes the packet. A State that does not have five characters is left out.
func (e *Err) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint16(append(dst, mysql.ERR_HEADER), e.Code)
	if len(e.State) == 5 {
		dst = append(append(dst, stateMarker), e.State...)
	}
	return append(dst, e.Message...)
}
