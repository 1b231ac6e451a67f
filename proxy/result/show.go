package result

import (
	"bytes"
	"slices"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
)

// Show transforms the answer to SHOW COLUMNS, DESCRIBE or SHOW CREATE TABLE: protected columns are described by the
// definitions they had before they were widened. It is for one goroutine.
type Show struct {
	show  *rewrite.Show
	types []byte // protocol type of every column, for binary rows
}

// NewShow prepares the transformation.
func NewShow(show *rewrite.Show) *Show { return &Show{show: show} }

// Column passes column definitions on as they are.
func (s *Show) Column(dst []byte, _ int, payload []byte) (out []byte, shown bool, err error) {
	var c packet.Column
	if err := c.Decode(payload); err != nil {
		return dst, false, err
	}
	s.types = append(s.types, c.Type)
	return append(dst, payload...), true, nil
}

// TextRow appends the client's row to dst. It is nil for a row that the client must not see.
func (s *Show) TextRow(dst, row []byte) ([]byte, error) {
	var values [][]byte
	for rest := row; len(rest) > 0; {
		v, null, after, err := packet.TextValue(rest)
		if err != nil {
			return dst, err
		}
		if !null && v == nil {
			v = []byte{}
		}
		values, rest = append(values, v), after
	}
	if err := s.change(values); err != nil {
		return dst, err
	}
	if s.hides(values) {
		return nil, nil
	}
	for _, v := range values {
		if v == nil {
			dst = packet.AppendNull(dst)
		} else {
			dst = packet.AppendLenEncBytes(dst, v)
		}
	}
	return dst, nil
}

// BinaryRow appends the client's row of the binary protocol to dst, nil for one that the client must not see. All columns of these answers are strings.
func (s *Show) BinaryRow(dst, row []byte) ([]byte, error) {
	nulls, rest, err := packet.BinaryRow(row, len(s.types))
	if err != nil {
		return dst, err
	}
	values := make([][]byte, len(s.types))
	for i, typ := range s.types {
		if nulls.Null(i) {
			continue
		}
		v, after, err := packet.BinaryValue(typ, rest)
		if err != nil || !stored(typ) {
			return dst, packet.ErrMalformed
		}
		values[i], rest = append([]byte{}, v...), after
	}
	if err := s.change(values); err != nil || len(rest) > 0 {
		return dst, packet.ErrMalformed
	}
	if s.hides(values) {
		return nil, nil
	}
	start := len(dst)
	dst = packet.AppendBinaryHead(dst, len(values))
	for i, v := range values {
		if v == nil {
			packet.SetNull(dst[start:], i)
		} else {
			dst = packet.AppendLenEncBytes(dst, v)
		}
	}
	return dst, nil
}

// hides reports whether the client must not see a row.
func (s *Show) hides(values [][]byte) bool {
	return s.show.Kind == rewrite.ShowTables && slices.Contains(s.show.Hidden, string(values[0]))
}

func (s *Show) change(values [][]byte) error {
	switch {
	case s.show.Kind == rewrite.ShowTables && len(values) > 0:
	case len(values) < 2:
		return packet.ErrMalformed
	case s.show.Kind == rewrite.ShowCreate:
		values[1] = createTable(values[1], s.show.Table)
	default:
		describe(values, s.show)
	}
	return nil
}

// describe changes Type, and Collation in SHOW FULL COLUMNS.
func describe(values [][]byte, show *rewrite.Show) {
	for i := range show.Table.Columns {
		c := &show.Table.Columns[i]
		if c.Protected == nil || c.Name != string(values[0]) {
			continue
		}
		values[1] = []byte(c.Protected.Type.String())
		if show.Kind == rewrite.ShowFullColumns && len(values) > 2 && c.Protected.Collation != "" {
			values[2] = []byte(c.Protected.Collation)
		}
	}
}

// createTable changes the lines of protected columns: "  `name` varbinary(1070) DEFAULT NULL,".
func createTable(text []byte, t *rewrite.Table) []byte {
	lines := bytes.Split(text, []byte("\n"))
	for i, line := range lines {
		for j := range t.Columns {
			c := &t.Columns[j]
			if c.Protected == nil {
				continue
			}
			prefix := []byte("  `" + c.Name + "` ")
			if bytes.HasPrefix(line, prefix) {
				lines[i] = append(append([]byte(nil), prefix...), replaceType(line[len(prefix):], c)...)
			}
		}
	}
	return bytes.Join(lines, []byte("\n"))
}

// replaceType puts the definition in place of the first word: a physical type has no space in it. A column that is stored as a
// BLOB though it is none is shown with the DEFAULT NULL that MySQL does not print for a BLOB. A constraint comes last.
func replaceType(rest []byte, c *rewrite.Column) []byte {
	end := bytes.IndexAny(rest, " ,")
	if end < 0 {
		end = len(rest)
	}
	out := []byte(c.Protected.Definition)
	first, _, _ := bytes.Cut(bytes.ToLower(out), []byte(" "))
	roomy := bytes.HasSuffix(first, []byte("text")) || bytes.HasSuffix(first, []byte("blob"))
	if bytes.HasSuffix(rest[:end], []byte("blob")) && !roomy && c.Nullable && !bytes.HasPrefix(rest[end:], []byte(" DEFAULT")) {
		out = append(out, " DEFAULT NULL"...)
	}
	out = append(out, rest[end:]...)
	if c.Protected.Check == "" {
		return out
	}
	out, comma := bytes.CutSuffix(out, []byte(","))
	out = append(append(out, ' '), c.Protected.Check...)
	if comma {
		out = append(out, ',')
	}
	return out
}
