package result

import (
	"bytes"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
)

// ShowRow appends the client's row of SHOW COLUMNS, DESCRIBE or SHOW CREATE TABLE to dst: protected columns are described
// by the definitions they had before they were widened.
func ShowRow(dst, row []byte, show *rewrite.Show) ([]byte, error) {
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
	if len(values) < 2 {
		return dst, packet.ErrMalformed
	}
	if show.Kind == rewrite.ShowCreate {
		values[1] = createTable(values[1], show.Table)
	} else {
		describe(values, show)
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
				lines[i] = append(append([]byte(nil), prefix...), replaceType(line[len(prefix):], c.Protected.Definition)...)
			}
		}
	}
	return bytes.Join(lines, []byte("\n"))
}

// replaceType puts the definition in place of the first word: a physical type has no space in it.
func replaceType(rest []byte, definition string) []byte {
	end := bytes.IndexAny(rest, " ,")
	if end < 0 {
		end = len(rest)
	}
	return append([]byte(definition), rest[end:]...)
}
