package packet

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// ParamType is the type of a parameter as COM_STMT_EXECUTE sends it.
type ParamType struct {
	Type     byte // mysql.MYSQL_TYPE_...
	Unsigned bool
}

const unsignedParam = 0x80

// Param is one parameter of an execution.
type Param struct {
	ParamType
	Null bool
	// Long is set when the value was sent by COM_STMT_SEND_LONG_DATA: it is not in the packet, and Value is not
	// written by Append. A long value wins over NULL, as in the servers.
	Long bool
	// Value is the value in the binary protocol, without the length that precedes strings and temporal values.
	Value []byte
	Name  []byte // of an attribute; clients leave those of parameters empty
}

// Execute is COM_STMT_EXECUTE, command byte included. A zero Execute can be decoded into again and again; it keeps its
// slice of parameters.
type Execute struct {
	StatementID uint32
	Flags       byte // cursor type
	Iterations  uint32
	NewTypes    bool // the packet holds the types of the parameters
	Params      []Param
	Attributes  []Param // CLIENT_QUERY_ATTRIBUTES
}

// Decode reads an execution of a statement with n parameters. types are those of the statement's last execution, used
// when the packet has none; long[i] tells that parameter i was sent by COM_STMT_SEND_LONG_DATA (nil: none was). It needs
// CLIENT_QUERY_ATTRIBUTES to be off, since that changes the packet's layout: see DecodeAttributed.
func (e *Execute) Decode(b []byte, n int, types []ParamType, long []bool) error {
	r := reader{b: b}
	if e.readHead(&r); n == 0 {
		return r.done()
	}
	nulls := NullBitmap{bits: r.bytes(bitmapSize(n, paramBitmapOffset)), offset: paramBitmapOffset}
	e.NewTypes = r.uint8() == 1
	if r.bad || (!e.NewTypes && len(types) != n) {
		return ErrMalformed
	}
	if e.NewTypes {
		for i := range n {
			e.Params = append(e.Params, Param{Null: nulls.Null(i), ParamType: readParamType(&r)})
		}
	} else {
		e.useTypes(types, nulls)
	}
	e.readValues(&r, long)
	return r.done()
}

// readHead reads what precedes the parameters.
func (e *Execute) readHead(r *reader) {
	if r.uint8() != mysql.COM_STMT_EXECUTE {
		r.fail()
	}
	*e = Execute{StatementID: r.uint32(), Flags: r.uint8(), Iterations: r.uint32(), Params: e.Params[:0]}
}

func (e *Execute) useTypes(types []ParamType, nulls NullBitmap) {
	for i, t := range types {
		e.Params = append(e.Params, Param{Null: nulls.Null(i), ParamType: t})
	}
}

func (e *Execute) readValues(r *reader, long []bool) {
	for i := range e.Params {
		e.Params[i].Long = i < len(long) && long[i]
		e.Params[i].read(r)
	}
}

func readParamType(r *reader) ParamType {
	t := r.uint8()
	return ParamType{Type: t, Unsigned: r.uint8()&unsignedParam != 0}
}

func (p *Param) read(r *reader) {
	if p.Long {
		p.Null = false
	}
	if !paramType(p.Type) {
		r.fail()
	}
	if r.bad || p.Long || p.Null {
		return
	}
	v, rest, err := BinaryValue(p.Type, r.b)
	if err != nil {
		r.fail()
		return
	}
	p.Value, r.b = v, rest
	p.Null = p.Type == mysql.MYSQL_TYPE_NULL
}

// paramType reports whether servers take parameters of a type. The others have no agreed encoding on the way in: the
// servers read YEAR and INT24, for example, as strings.
func paramType(typ byte) bool {
	switch typ {
	case mysql.MYSQL_TYPE_YEAR, mysql.MYSQL_TYPE_INT24, mysql.MYSQL_TYPE_NEWDATE:
		return false
	}
	_, known := binarySize(typ)
	return known
}

// AppendTypes appends the types of the parameters, to be remembered for executions that do not send them again.
func (e *Execute) AppendTypes(dst []ParamType) []ParamType {
	for _, p := range e.Params {
		dst = append(dst, p.ParamType)
	}
	return dst
}

// Append encodes the execution.
func (e *Execute) Append(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(append(dst, mysql.COM_STMT_EXECUTE), e.StatementID)
	dst = binary.LittleEndian.AppendUint32(append(dst, e.Flags), e.Iterations)
	if len(e.Params) == 0 {
		return dst
	}
	dst = appendNulls(dst, e.Params)
	if e.NewTypes {
		dst = e.appendTypeBytes(append(dst, 1))
	} else {
		dst = append(dst, 0)
	}
	for i := range e.Params {
		dst = e.Params[i].append(dst)
	}
	return dst
}

func appendNulls(dst []byte, params []Param) []byte {
	start := len(dst)
	for range bitmapSize(len(params), paramBitmapOffset) {
		dst = append(dst, 0)
	}
	for i, p := range params {
		if p.Null {
			dst[start+i>>3] |= 1 << (i & 7)
		}
	}
	return dst
}

func (e *Execute) appendTypeBytes(dst []byte) []byte {
	for _, p := range e.Params {
		dst = appendType(dst, p.ParamType)
	}
	return dst
}

func appendType(dst []byte, t ParamType) []byte {
	flag := byte(0)
	if t.Unsigned {
		flag = unsignedParam
	}
	return append(dst, t.Type, flag)
}

func (p *Param) append(dst []byte) []byte {
	if p.Long || p.Null {
		return dst
	}
	if size, _ := binarySize(p.Type); size >= 0 {
		return append(dst, p.Value...)
	}
	return AppendLenEncBytes(dst, p.Value)
}
