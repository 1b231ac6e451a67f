package proxy

import (
	"errors"
	"fmt"
	"strings"

	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/infile"
	"phiproxy/rewrite/logical"
	"phiproxy/scratch"
)

// What only a server can make of a field, and expressions, go to the scratch server, line by line.

// conversions is how many values a scratch session makes before it is given back, for others to have their turn.
const conversions = 200

// converted is the canonical plaintext of a value.
func (ld *load) converted(t *rewrite.Table, column int, v logical.Value) ([]byte, error) {
	plain, err := ld.w.fit(t, column, ld.row, v)
	var f *fault.Error
	if !errors.As(err, &f) || f.Fault != fault.ValueForm {
		return plain, err
	}
	charset := "_utf8mb4"
	if v.Kind == logical.Binary {
		charset = "_binary"
	}
	plain, _, err = ld.stored(column, "", fmt.Appendf(nil, "%s x'%x'", charset, v.Bytes))
	return plain, err
}

// computed is the value of an expression.
func (ld *load) computed(w *rewrite.LoadWrite, line infile.Line) (plain []byte, null bool, err error) {
	var set []string
	for _, v := range w.Variables {
		value := "NULL"
		if v.Field < len(line.Fields) && !line.Fields[v.Field].Null {
			value = fmt.Sprintf("_%s x'%x'", ld.charset, line.Fields[v.Field].Value)
		}
		set = append(set, v.Name+" = "+value)
	}
	return ld.stored(w.Column, strings.Join(set, ", "), ld.st.ExpressionText(w))
}

// stored is what the server stores in a column for a value that is given as SQL text; set are assignments of variables in it.
func (ld *load) stored(column int, set string, text []byte) (plain []byte, null bool, err error) {
	t := ld.st.Load.Table
	if ld.settings == nil {
		return nil, false, fault.LoadValue.With("line %d, column %s", ld.row+1, t.Columns[column].Name)
	}
	stored, err := ld.normalise(column, set, text)
	var refused *scratch.ServerError
	const checkFailed = 4025 // MariaDB's own check of JSON, which it fails before it knows that the row is to be left out
	if errors.As(err, &refused) && refused.Code == checkFailed {
		return nil, false, fault.LoadValue.With("line %d fails a check", ld.row+1)
	}
	if err != nil {
		return nil, false, scratchFault(err)
	}
	if len(stored.Rows) != 1 {
		return nil, false, fault.LoadValue.With("line %d is left out by a check", ld.row+1)
	}
	for _, own := range ownWarnings(stored.Warnings) {
		own.text = atRow(own.text, ld.row+1)
		ld.w.warn(own)
	}
	v := stored.Rows[0][0]
	return v, v == nil, nil
}

// readable checks the variables that expressions read. MySQL takes their types from what they held before.
func (ld *load) readable() error {
	var list []string
	for _, w := range ld.st.Load.Writes {
		for _, v := range w.Variables {
			list = append(list, v.Name, "COLLATION("+v.Name+")")
		}
	}
	if len(list) == 0 || ld.s.flavor() != rewrite.MySQL {
		return nil
	}
	if ld.charset != "utf8mb4" {
		return fault.LoadVariables.With("character set of the file")
	}
	a, err := ld.s.query([]byte("SELECT " + strings.Join(list, ", ")))
	if err != nil {
		return err
	}
	if len(a.Rows) != 1 || len(a.Columns) != len(list) {
		return backendError(errOutOfStep)
	}
	const collation = "utf8mb4_0900_ai_ci"
	for i := 0; i < len(list); i += 2 {
		if !isTextType(a.Columns[i].Type) || string(a.Rows[0][i+1]) != collation {
			return fault.LoadVariables.With("%s", a.Rows[0][i+1])
		}
	}
	return nil
}

func (ld *load) normalise(column int, set string, text []byte) (*scratch.Stored, error) {
	ctx := ld.s.ctx
	if ld.scratch == nil {
		session, err := ld.s.srv.cfg.Scratch.Session(ctx, *ld.settings)
		if err != nil {
			return nil, err
		}
		ld.scratch, ld.converts = session, 0
	}
	if ld.converts++; ld.converts > conversions {
		defer ld.release()
	}
	if set != "" {
		if _, err := ld.scratch.Query(ctx, []byte("SET "+set)); err != nil {
			return nil, err
		}
	}
	w := scratch.Write{Table: ld.st.Load.Table, Columns: []int{column}, Ignore: true, Read: []int{column}, Rows: [][][]byte{{text}}}
	if err := fillIn(&w); err != nil {
		return nil, err
	}
	return ld.scratch.Normalise(ctx, w)
}

// release gives the scratch session back.
func (ld *load) release() {
	if ld.scratch != nil {
		ld.scratch.Release()
		ld.scratch = nil
	}
}

// atRow puts the number of another row into a condition about the first.
func atRow(text string, row int) string {
	const first = " at row 1"
	i := strings.LastIndex(text, first)
	if i < 0 {
		return text
	}
	return fmt.Sprintf("%s at row %d%s", text[:i], row, text[i+len(first):])
}
