package client

import (
	"encoding/binary"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// OpenCursor runs a prepared statement and asks for a cursor. When the server opened one, as Status says, there are no rows
// yet: Fetch gets them.
func (c *Conn) OpenCursor(p *Prepared, params ...packet.Param) (Result, error) {
	e := packet.Execute{StatementID: p.StatementID, Flags: mysql.CURSOR_TYPE_READ_ONLY, Iterations: 1, NewTypes: true, Params: params}
	c.start()
	if err := c.Write(e.Append(nil)); err != nil {
		return Result{}, err
	}
	b, err := c.Read()
	if err != nil {
		return Result{}, err
	}
	if packet.IsErr(b) {
		return c.errResult(b)
	}
	n, err := packet.ColumnCount(b)
	if err != nil {
		return Result{}, err
	}
	return c.openedCursor(n)
}

// openedCursor reads definitions and what ends them, and the rows when there is no cursor.
func (c *Conn) openedCursor(n int) (Result, error) {
	columns := make([]Column, n)
	for i := range columns {
		b, err := c.Read()
		if err != nil {
			return Result{}, err
		}
		if columns[i], err = readColumn(b); err != nil {
			return Result{}, err
		}
	}
	if c.Capabilities&mysql.CLIENT_DEPRECATE_EOF != 0 {
		return c.rows(columns, true)
	}
	b, err := c.Read()
	if err != nil {
		return Result{}, err
	}
	r, err := c.okResult(b)
	if err != nil || r.Status&mysql.SERVER_STATUS_CURSOR_EXISTS == 0 {
		return c.rows(columns, true)
	}
	r.Columns = columns
	return r, nil
}

// Fetch gets up to n rows of the statement's cursor.
func (c *Conn) Fetch(p *Prepared, columns []Column, n uint32) (Result, error) {
	body := binary.LittleEndian.AppendUint32(nil, p.StatementID)
	if err := c.Command(mysql.COM_STMT_FETCH, binary.LittleEndian.AppendUint32(body, n)); err != nil {
		return Result{}, err
	}
	return c.rows(columns, true)
}
