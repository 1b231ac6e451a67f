package packet

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// Under CLIENT_QUERY_ATTRIBUTES a client may send named values along with a statement (MySQL manual, "Query
// Attributes"): in COM_QUERY in front of the text, in COM_STMT_EXECUTE behind the parameters.

// NoAttributes is the head of a COM_QUERY without attributes: their number, and that of the sets of them, which is always 1.
const NoAttributes = "\x00\x01"

// parameterCount is the flag of an execution that says how many parameters and attributes it holds.
const parameterCount = 0x08

// SplitQuery cuts a COM_QUERY under CLIENT_QUERY_ATTRIBUTES, command byte included, into the head that holds the
// attributes and the text of the statement.
func SplitQuery(b []byte) (head, text []byte, err error) {
	r := reader{b: b}
	if r.uint8() != mysql.COM_QUERY {
		return nil, nil, ErrMalformed
	}
	whole := r.b
	readQueryHead(&r, nil)
	if r.bad {
		return nil, nil, ErrMalformed
	}
	n := len(whole) - len(r.b)
	return whole[:n:n], r.b, nil
}

// EachQueryAttribute calls f for every attribute in a head that SplitQuery returned.
func EachQueryAttribute(head []byte, f func(*Param)) error {
	r := reader{b: head}
	readQueryHead(&r, f)
	return r.done()
}

func readQueryHead(r *reader, f func(*Param)) {
	const sets = 1
	n := r.lenEncInt()
	if r.lenEncInt() != sets {
		r.fail()
	}
	if n == 0 || r.bad {
		return
	}
	if n > maxParams {
		r.fail()
		return
	}
	nulls := NullBitmap{bits: r.bytes(bitmapSize(int(n), paramBitmapOffset)), offset: paramBitmapOffset}
	if r.uint8() != 1 { // without types nothing could be read
		r.fail()
		return
	}
	params := readNamedTypes(r, nulls, int(n))
	for i := range params {
		params[i].read(r)
		if f != nil && !r.bad {
			f(&params[i])
		}
	}
}

// maxParams is the most parameters that the servers know.
const maxParams = 1<<16 - 1

// readNamedTypes reads types and names. Every one takes three bytes at least, so that no more is allocated than was sent.
func readNamedTypes(r *reader, nulls NullBitmap, n int) []Param {
	var params []Param
	for i := range n {
		if r.bad {
			return nil
		}
		params = append(params, Param{Null: nulls.Null(i), ParamType: readParamType(r), Name: r.lenEncBytes()})
	}
	return params
}

// AppendQueryHead appends the head of a COM_QUERY with the given attributes.
func AppendQueryHead(dst []byte, attributes []Param) []byte {
	dst = append(AppendLenEncInt(dst, uint64(len(attributes))), 1)
	if len(attributes) == 0 {
		return dst
	}
	dst = append(appendNulls(dst, attributes), 1)
	dst = appendNamedTypes(dst, attributes)
	for i := range attributes {
		dst = attributes[i].append(dst)
	}
	return dst
}

func appendNamedTypes(dst []byte, params []Param) []byte {
	for _, p := range params {
		dst = AppendLenEncBytes(appendType(dst, p.ParamType), p.Name)
	}
	return dst
}

// DecodeAttributed is Decode under CLIENT_QUERY_ATTRIBUTES. What follows the statement's own n parameters is kept in
// Attributes.
func (e *Execute) DecodeAttributed(b []byte, n int, types []ParamType, long []bool) error {
	r := reader{b: b}
	e.readHead(&r)
	if n == 0 && e.Flags&parameterCount == 0 {
		return r.done() // with parameters the server reads their number whether the flag announces it or not
	}
	e.Flags &^= parameterCount
	total := r.lenEncInt()
	if r.bad || total > maxParams || int(total) < n {
		return ErrMalformed
	}
	if total == 0 {
		return r.done()
	}
	nulls := NullBitmap{bits: r.bytes(bitmapSize(int(total), paramBitmapOffset)), offset: paramBitmapOffset}
	e.NewTypes = r.uint8() == 1
	switch {
	case r.bad:
		return ErrMalformed
	case e.NewTypes:
		e.Params = append(e.Params, readNamedTypes(&r, nulls, int(total))...)
	case int(total) > n || len(types) != n:
		return ErrMalformed // attributes always come with their types
	default:
		e.useTypes(types, nulls)
	}
	if r.bad {
		return ErrMalformed
	}
	e.readValues(&r, long)
	e.Params, e.Attributes = e.Params[:n:n], e.Params[n:]
	return r.done()
}

// AppendAttributed encodes the execution for a server with CLIENT_QUERY_ATTRIBUTES.
func (e *Execute) AppendAttributed(dst []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(append(dst, mysql.COM_STMT_EXECUTE), e.StatementID)
	dst = binary.LittleEndian.AppendUint32(append(dst, e.Flags|parameterCount), e.Iterations)
	all := e.Params
	if len(e.Attributes) > 0 {
		all = append(e.Params[:len(e.Params):len(e.Params)], e.Attributes...)
	}
	dst = AppendLenEncInt(dst, uint64(len(all)))
	if len(all) == 0 {
		return dst
	}
	dst = appendNulls(dst, all)
	if e.NewTypes {
		dst = appendNamedTypes(append(dst, 1), all)
	} else {
		dst = append(dst, 0)
	}
	for i := range all {
		dst = all[i].append(dst)
	}
	return dst
}
