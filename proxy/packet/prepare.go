package packet

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// PrepareOK is the first packet of the answer to COM_STMT_PREPARE.
type PrepareOK struct {
	StatementID uint32
	Columns     uint16
	Params      uint16
	Warnings    uint16
}

// Decode reads the packet.
func (p *PrepareOK) Decode(b []byte) error {
	r := reader{b: b}
	if r.uint8() != mysql.OK_HEADER {
		return ErrMalformed
	}
	*p = PrepareOK{StatementID: r.uint32(), Columns: r.uint16(), Params: r.uint16()}
	r.skip(1)
	p.Warnings = r.uint16()
	return r.done()
}

// Append encodes the packet.
func (p *PrepareOK) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(append(dst, mysql.OK_HEADER), p.StatementID)
	dst = binary.LittleEndian.AppendUint16(dst, p.Columns)
	dst = append(binary.LittleEndian.AppendUint16(dst, p.Params), 0)
	return binary.LittleEndian.AppendUint16(dst, p.Warnings)
}

// StatementID reads the statement number of COM_STMT_EXECUTE, _CLOSE, _RESET, _FETCH and _SEND_LONG_DATA.
func StatementID(b []byte) (uint32, error) {
	if len(b) < 5 {
		return 0, ErrMalformed
	}
	return binary.LittleEndian.Uint32(b[1:]), nil
}

// SendLongData is COM_STMT_SEND_LONG_DATA, command byte included: a piece of a parameter. It has no answer.
type SendLongData struct {
	StatementID uint32
	Param       uint16
	Data        []byte
}

// Decode reads the command.
func (s *SendLongData) Decode(b []byte) error {
	r := reader{b: b}
	if r.uint8() != mysql.COM_STMT_SEND_LONG_DATA {
		return ErrMalformed
	}
	*s = SendLongData{StatementID: r.uint32(), Param: r.uint16(), Data: r.rest()}
	return r.done()
}

// Append encodes the command.
func (s *SendLongData) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(append(dst, mysql.COM_STMT_SEND_LONG_DATA), s.StatementID)
	return append(binary.LittleEndian.AppendUint16(dst, s.Param), s.Data...)
}
