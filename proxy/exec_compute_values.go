package proxy

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
)

// askValues asks the backend for what only its session knows of a statement: functions like CURRENT_USER() and variables.
// Variables of the client become variables of the scratch session, which forgets them; all else becomes literals.
func (c *compute) askValues() error {
	values := c.st.Compute.Values
	if len(values) == 0 {
		return nil
	}
	text := []byte("SELECT ")
	for i, v := range values {
		if i > 0 {
			text = append(text, ", "...)
		}
		name := c.st.ValueText(v)
		text = append(text, name...)
		text = fmt.Appendf(text, ", CHARSET(%s), COLLATION(%s)", name, name)
	}
	a, err := c.s.query(text)
	if err != nil {
		return err
	}
	if len(a.Rows) != 1 || len(a.Columns) != 3*len(values) {
		return backendError(errors.New("another number of values than asked for"))
	}
	c.literals, c.variables = make([][]byte, len(values)), nil
	for i, v := range values {
		row := a.Rows[0][3*i : 3*i+3]
		literal := valueLiteral(row[0], &a.Columns[3*i])
		if !v.User {
			c.literals[i] = nullable(literal, &a.Columns[3*i])
			continue
		}
		if isTextType(a.Columns[3*i].Type) && row[0] != nil {
			literal = ofCharset(literal, string(row[1]), string(row[2]))
		}
		set := append(append([]byte("SET "), c.st.ValueText(v)...), '=')
		c.variables = append(c.variables, append(set, literal...))
	}
	return nil
}

// keepVariables gives the backend's session the variables that the statement gave values in the scratch session.
func (c *compute) keepVariables() error {
	if !c.st.Compute.Assigns {
		return nil
	}
	set := []byte("SET ")
	for _, v := range c.st.Compute.Values {
		if !v.User {
			continue
		}
		literal, err := c.variable(c.st.ValueText(v))
		if err != nil {
			return err
		}
		if len(set) > len("SET ") {
			set = append(set, ", "...)
		}
		set = append(append(append(set, c.st.ValueText(v)...), '='), literal...)
	}
	_, err := c.s.exec(set)
	return err
}

// variable is a literal for a variable of the scratch session.
func (c *compute) variable(name []byte) ([]byte, error) {
	rows, err := c.scratch.Query(c.s.ctx, fmt.Appendf(nil, "SELECT %[1]s, CHARSET(%[1]s), COLLATION(%[1]s), HEX(CONVERT(%[1]s USING utf8mb4)), HEX(%[1]s) LIMIT 1", name))
	if err != nil {
		return nil, err
	}
	row, err := rows.Next()
	if err != nil {
		return nil, err
	}
	values, err := textRow(row, 5)
	if err != nil {
		return nil, err
	}
	var column packet.Column
	if err := column.Decode(rows.Columns[0]); err != nil {
		return nil, err
	}
	var literal []byte
	switch {
	case values[0] == nil || !isTextType(column.Type):
		literal = valueLiteral(values[0], &column)
	case string(values[1]) == "binary":
		literal = fmt.Appendf(nil, "x'%s'", values[4])
	default:
		literal = ofCharset(fmt.Appendf(nil, "_utf8mb4 x'%s'", values[3]), string(values[1]), string(values[2]))
	}
	return bytes.Clone(literal), rows.Close()
}

// nullable makes a literal one that may be NULL where the value that it stands for may.
func nullable(literal []byte, column *packet.Column) []byte {
	if column.Flags&mysql.NOT_NULL_FLAG != 0 {
		return literal
	}
	return fmt.Appendf(nil, "NULLIF(%s, NULL)", literal)
}

// valueLiteral writes a value of an answer as a literal of the same type; texts are in UTF-8.
func valueLiteral(v []byte, column *packet.Column) []byte {
	switch {
	case v == nil:
		return []byte("NULL")
	case isTextType(column.Type):
		return fmt.Appendf(nil, "_utf8mb4 x'%s'", hex.EncodeToString(v))
	case column.Type == mysql.MYSQL_TYPE_DOUBLE || column.Type == mysql.MYSQL_TYPE_FLOAT:
		return fmt.Appendf(nil, "(%s+0e0)", v)
	case column.Type == mysql.MYSQL_TYPE_NEWDECIMAL:
	case column.Flags&mysql.UNSIGNED_FLAG != 0:
		return fmt.Appendf(nil, "CAST(%s AS UNSIGNED)", v)
	case column.Type == mysql.MYSQL_TYPE_LONGLONG:
		return fmt.Appendf(nil, "CAST(%s AS SIGNED)", v)
	}
	return append([]byte(nil), v...)
}

// ofCharset converts a literal of UTF-8 to the character set and collation that the server named.
func ofCharset(literal []byte, charset, collation string) []byte {
	if charset == "binary" {
		return literal[len("_utf8mb4 "):]
	}
	return fmt.Appendf(nil, "CONVERT(%s USING %s) COLLATE %s", literal, charset, collation)
}

func isTextType(t byte) bool {
	switch t {
	case mysql.MYSQL_TYPE_VAR_STRING, mysql.MYSQL_TYPE_STRING, mysql.MYSQL_TYPE_VARCHAR, mysql.MYSQL_TYPE_BLOB, mysql.MYSQL_TYPE_TINY_BLOB,
		mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB:
		return true
	}
	return false
}

// keepCounts keeps what FOUND_ROWS() and ROW_COUNT() shall say of the statement: the backend's are of its last fetch.
func (c *compute) keepCounts(shown uint64) error {
	d := &c.s.diag
	d.rowCount, d.foundRows = []byte("-1"), strconv.AppendUint(nil, shown, 10)
	if !c.st.Compute.FoundRows {
		return nil
	}
	rows, err := c.scratch.Query(c.s.ctx, []byte("SELECT FOUND_ROWS()"))
	if err != nil {
		return err
	}
	row, err := rows.Next()
	if err != nil {
		return err
	}
	values, err := textRow(row, 1)
	if err != nil {
		return err
	}
	d.foundRows = append([]byte(nil), values[0]...)
	_, err = rows.Next()
	if err == nil {
		return errors.New("more than one count")
	}
	return nil
}
