package scratch

import (
	"io"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// Rows is the answer to a statement: packets that can be passed to a client that has CLIENT_DEPRECATE_EOF (to others
// with EOF packets put in). It must be read to its end or closed before the session runs another statement.
type Rows struct {
	// Columns are column definitions; none when the statement has no result set, in which case OK is set at once.
	Columns [][]byte
	// OK is the packet that ended the answer, valid once Next has given io.EOF. Its status flags are the scratch
	// server's own, not the client's.
	OK packet.OK

	conn *conn
	end  func(error) error // of the guard
	done bool
	err  error
}

// Next gives the next row as the server sent it, valid until the next call, and io.EOF after the last one.
func (r *Rows) Next() ([]byte, error) {
	if r.done {
		return nil, r.err
	}
	b, err := r.conn.read()
	switch {
	case err != nil:
		return nil, r.finish(err)
	case packet.IsErr(b):
		return nil, r.finish(serverError(b))
	case !packet.IsRowsEnd(b, capabilities):
		return b, nil
	}
	if err := r.OK.Decode(b, capabilities); err != nil {
		return nil, r.finish(fail(Protocol, err))
	}
	return nil, r.finish(io.EOF)
}

func (r *Rows) finish(err error) error {
	r.done = true
	if err == io.EOF {
		if err = r.end(nil); err == nil {
			err = io.EOF
		}
	} else {
		err = r.end(err)
	}
	r.err = err
	return err
}

// Close reads the rest. The error is that of the statement.
func (r *Rows) Close() error {
	for {
		if _, err := r.Next(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// answer reads what comes before the rows.
func (c *conn) answer() (columns [][]byte, ok packet.OK, err error) {
	b, err := c.read()
	switch {
	case err != nil:
		return nil, ok, err
	case packet.IsErr(b):
		return nil, ok, serverError(b)
	case packet.IsLocalInfile(b):
		return nil, ok, fail(Protocol, nil) // the connection is thrown away
	case packet.IsOK(b):
		if err := ok.Decode(b, capabilities); err != nil {
			return nil, ok, fail(Protocol, err)
		}
		return nil, ok, nil
	}
	n, err := packet.ColumnCount(b)
	if err != nil {
		return nil, ok, fail(Protocol, err)
	}
	columns, err = c.definitions(n)
	return columns, ok, err
}

func (c *conn) definitions(n int) ([][]byte, error) {
	columns := make([][]byte, n)
	for i := range columns {
		b, err := c.read()
		if err != nil {
			return nil, err
		}
		columns[i] = append([]byte(nil), b...)
	}
	return columns, nil
}

// rows runs a statement of the engine's own and calls visit for every row.
func (c *conn) rows(sql string, visit func(row []byte) error) error {
	if err := c.send(mysql.COM_QUERY, []byte(sql)); err != nil {
		return err
	}
	columns, _, err := c.answer()
	if err != nil || columns == nil {
		return err
	}
	for {
		b, err := c.read()
		switch {
		case err != nil:
			return err
		case packet.IsErr(b):
			return serverError(b)
		case packet.IsRowsEnd(b, capabilities):
			return nil
		}
		if err := visit(b); err != nil {
			return err
		}
	}
}

// textRow takes the values of a text row apart. They are copies; nil is NULL.
func textRow(row []byte, n int) ([][]byte, error) {
	values := make([][]byte, n)
	for i := range values {
		value, null, rest, err := packet.TextValue(row)
		if err != nil {
			return nil, fail(Protocol, err)
		}
		if row = rest; !null {
			values[i] = append([]byte{}, value...)
		}
	}
	return values, nil
}
