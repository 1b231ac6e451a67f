package packet

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// OK is an OK packet.
type OK struct {
	// EOF is set for the OK packet that ends a result set under CLIENT_DEPRECATE_EOF; its first byte is 0xFE.
	EOF          bool
	AffectedRows uint64
	InsertID     uint64
	Status       uint16
	Warnings     uint16
	// Info is the text that mysql_info() shows. The manual gives it no length without CLIENT_SESSION_TRACK, while MySQL
	// and MariaDB send one always: BareInfo is set when it came without.
	Info     []byte
	BareInfo bool
	// StateChanges holds the session state block, without its length; nil when SERVER_SESSION_STATE_CHANGED is not set or
	// CLIENT_SESSION_TRACK was not agreed. See EachStateChange.
	StateChanges []byte
}

// Decode reads an OK packet under the agreed capabilities.
func (o *OK) Decode(b []byte, capabilities uint32) error {
	r := reader{b: b}
	header := r.uint8()
	if header != mysql.OK_HEADER && header != mysql.EOF_HEADER {
		return ErrMalformed
	}
	*o = OK{EOF: header == mysql.EOF_HEADER, AffectedRows: r.lenEncInt(), InsertID: r.lenEncInt(), Status: r.uint16(), Warnings: r.uint16()}
	if capabilities&mysql.CLIENT_SESSION_TRACK == 0 {
		o.readInfo(&r)
		return r.done()
	}
	if len(r.b) > 0 {
		o.Info = r.lenEncBytes()
	}
	if o.Status&mysql.SERVER_SESSION_STATE_CHANGED != 0 && len(r.b) > 0 {
		o.StateChanges = r.lenEncBytes()
	}
	return r.done()
}

func (o *OK) readInfo(r *reader) {
	if len(r.b) == 0 {
		return
	}
	if v, rest, ok := LenEncBytes(r.b); ok && len(rest) == 0 {
		o.Info, r.b = v, nil
		return
	}
	o.Info, o.BareInfo = r.rest(), true
}

// Append encodes the packet for a peer with the given capabilities. For a client that did not ask for
// CLIENT_SESSION_TRACK the session state, and the flag that announces it, are left out.
func (o *OK) Append(dst []byte, capabilities uint32) []byte {
	track := capabilities&mysql.CLIENT_SESSION_TRACK != 0
	status := o.Status
	if !track {
		status &^= mysql.SERVER_SESSION_STATE_CHANGED
	}
	header := mysql.OK_HEADER
	if o.EOF {
		header = mysql.EOF_HEADER
	}
	dst = AppendLenEncInt(append(dst, header), o.AffectedRows)
	dst = AppendLenEncInt(dst, o.InsertID)
	dst = binary.LittleEndian.AppendUint16(dst, status)
	dst = binary.LittleEndian.AppendUint16(dst, o.Warnings)
	changed := track && status&mysql.SERVER_SESSION_STATE_CHANGED != 0
	switch {
	case o.BareInfo && !track:
		dst = append(dst, o.Info...)
	case len(o.Info) > 0 || changed:
		dst = AppendLenEncBytes(dst, o.Info)
	}
	if changed {
		dst = AppendLenEncBytes(dst, o.StateChanges)
	}
	return dst
}

// AppendOK re-encodes an OK packet that was received under the capabilities from for a peer that has the capabilities to.
func AppendOK(dst, payload []byte, from, to uint32) ([]byte, error) {
	if (from^to)&mysql.CLIENT_SESSION_TRACK == 0 {
		return append(dst, payload...), nil
	}
	var o OK
	if err := o.Decode(payload, from); err != nil {
		return dst, err
	}
	return o.Append(dst, to), nil
}

// Kinds of session state changes, enum_session_state_type.
const (
	StateSystemVariables  = 0 // name and value strings, several pairs in MariaDB
	StateSchema           = 1 // the current database
	StateChanged          = 2 // "1": something else changed
	StateGTIDs            = 3
	StateCharacteristics  = 4
	StateTransactionState = 5
)

// EachStateChange calls f for every entry of OK.StateChanges. Data is the entry's own content: length-encoded strings
// for the kinds that Pair and LenEncBytes read.
func EachStateChange(block []byte, f func(kind byte, data []byte)) error {
	r := reader{b: block}
	for len(r.b) > 0 {
		kind, data := r.uint8(), r.lenEncBytes()
		if r.bad {
			return ErrMalformed
		}
		f(kind, data)
	}
	return r.done()
}
