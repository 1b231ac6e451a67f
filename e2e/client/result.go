package client

import (
	"errors"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// Column is a column definition, in types that can be compared and printed.
type Column struct {
	Catalog, Schema, Table, OrgTable, Name, OrgName string
	Charset                                         uint16
	Length                                          uint32
	Type                                            byte
	Flags                                           uint16
	Decimals                                        byte
}

func readColumn(b []byte) (Column, error) {
	var c packet.Column
	if err := c.Decode(b); err != nil {
		return Column{}, err
	}
	return Column{
		Catalog: string(c.Catalog), Schema: string(c.Schema), Table: string(c.Table), OrgTable: string(c.OrgTable),
		Name: string(c.Name), OrgName: string(c.OrgName),
		Charset: c.Charset, Length: c.Length, Type: c.Type, Flags: c.Flags, Decimals: c.Decimals,
	}, nil
}

// Value is one value of a row: text, or in the binary protocol the value without its length.
type Value struct {
	Null bool
	Data string
}

// Result is one answer of a server: an error, an OK packet, or rows.
type Result struct {
	Err          *ServerError
	AffectedRows uint64
	InsertID     uint64
	Info         string
	Status       uint16
	Warnings     uint16
	Columns      []Column // nil for OK and ERR
	Rows         [][]Value
}

// Query runs a statement in the text protocol.
func (c *Conn) Query(sql string) ([]Result, error) {
	var body []byte
	if c.attributed() {
		body = packet.AppendQueryHead(nil, c.Attributes)
	}
	if err := c.Command(mysql.COM_QUERY, append(body, sql...)); err != nil {
		return nil, err
	}
	return c.results(false)
}

// Exec runs a statement whose answer does not matter unless it is an error.
func (c *Conn) Exec(sql string) error {
	results, err := c.Query(sql)
	for _, r := range results {
		if r.Err != nil {
			return r.Err
		}
	}
	return err
}

// Do sends a command whose answer is OK, ERR or EOF.
func (c *Conn) Do(command byte, argument []byte) (Result, error) {
	if err := c.Command(command, argument); err != nil {
		return Result{}, err
	}
	results, err := c.results(false)
	if err != nil {
		return Result{}, err
	}
	return results[0], nil
}

// results reads answers until no further one is announced.
func (c *Conn) results(binary bool) ([]Result, error) {
	var all []Result
	for {
		r, err := c.result(binary)
		if err != nil {
			return all, err
		}
		all = append(all, r)
		if r.Err != nil || r.Status&mysql.SERVER_MORE_RESULTS_EXISTS == 0 {
			return all, nil
		}
	}
}

// ErrLocalInfile says that the server asked for a file that is not among Files.
var ErrLocalInfile = errors.New("the server asked for a local file that is not offered")

func (c *Conn) result(binary bool) (Result, error) {
	b, err := c.Read()
	switch {
	case err != nil:
		return Result{}, err
	case packet.IsErr(b):
		return c.errResult(b)
	case packet.IsOK(b), packet.IsEOF(b):
		return c.okResult(b)
	case packet.IsLocalInfile(b):
		if err := c.sendFile(string(b[1:])); err != nil {
			return Result{}, err
		}
		return c.result(binary)
	}
	n, err := packet.ColumnCount(b)
	if err != nil {
		return Result{}, err
	}
	columns, err := c.definitions(n)
	if err != nil {
		return Result{}, err
	}
	return c.rows(columns, binary)
}

// fileChunk is how much of a file one packet holds: little, so that what belongs together is often in two.
const fileChunk = 1000

// sendFile answers the server's wish for a file.
func (c *Conn) sendFile(name string) error {
	content, ok := c.Files[name]
	if !ok {
		return ErrLocalInfile
	}
	for len(content) > 0 {
		n := min(len(content), fileChunk)
		if err := c.Write([]byte(content[:n])); err != nil {
			return err
		}
		content = content[n:]
	}
	return c.Write(nil)
}

func (c *Conn) errResult(b []byte) (Result, error) {
	var e packet.Err
	err := e.Decode(b)
	return Result{Err: &ServerError{Code: e.Code, State: e.State, Message: string(e.Message)}}, err
}

func (c *Conn) okResult(b []byte) (Result, error) {
	if packet.IsEOF(b) && len(b) == 5 && c.Capabilities&mysql.CLIENT_DEPRECATE_EOF == 0 {
		var e packet.EOF
		err := e.Decode(b)
		return Result{Status: e.Status, Warnings: e.Warnings}, err
	}
	var o packet.OK
	err := o.Decode(b, c.Capabilities)
	if err == nil {
		err = packet.EachStateChange(o.StateChanges, func(byte, []byte) {})
	}
	return Result{AffectedRows: o.AffectedRows, InsertID: o.InsertID, Info: string(o.Info), Status: o.Status, Warnings: o.Warnings}, err
}

func (c *Conn) rows(columns []Column, binary bool) (Result, error) {
	var rows [][]Value
	for {
		b, err := c.Read()
		if err != nil {
			return Result{}, err
		}
		if packet.IsErr(b) {
			r, err := c.errResult(b)
			r.Columns, r.Rows = columns, rows
			return r, err
		}
		if packet.IsRowsEnd(b, c.Capabilities) {
			r, err := c.okResult(b)
			r.Columns, r.Rows = columns, rows
			return r, err
		}
		row, err := readRow(b, columns, binary)
		if err != nil {
			return Result{}, err
		}
		rows = append(rows, row)
	}
}

func readRow(b []byte, columns []Column, binary bool) ([]Value, error) {
	if binary {
		return readBinaryRow(b, columns)
	}
	row := make([]Value, len(columns))
	for i := range row {
		v, null, rest, err := packet.TextValue(b)
		if err != nil {
			return nil, err
		}
		row[i], b = Value{Null: null, Data: string(v)}, rest
	}
	if len(b) > 0 {
		return nil, packet.ErrMalformed
	}
	return row, nil
}

func readBinaryRow(b []byte, columns []Column) ([]Value, error) {
	nulls, values, err := packet.BinaryRow(b, len(columns))
	if err != nil {
		return nil, err
	}
	row := make([]Value, len(columns))
	for i, c := range columns {
		if nulls.Null(i) {
			row[i].Null = true
			continue
		}
		v, rest, err := packet.BinaryValue(c.Type, values)
		if err != nil {
			return nil, err
		}
		row[i].Data, values = string(v), rest
	}
	if len(values) > 0 {
		return nil, packet.ErrMalformed
	}
	return row, nil
}
