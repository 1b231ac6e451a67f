package rewrite

import (
	"fmt"
	"strings"
)

// ComputedWrite is how a write that needs plaintext is run.
//
// An INSERT or REPLACE has the values of its protected columns computed in the scratch server, and what comes out takes
// their place in the client's text, which is then planned as if the client had written it.
//
// For an UPDATE or DELETE the rows that may be meant are read and locked, chosen by the conditions that need no plaintext;
// the scratch server finds among them those that are meant, computes their new values, and the statement is sent for
// these rows by their keys. Nothing that is compared with a protected value is sent.
type ComputedWrite struct {
	Inserts, Deletes bool
	Clock            bool          // the statement asks for the time
	Work             string        // work table in which the client's condition chooses rows; "" when the backend does
	Table            *Table        // of an UPDATE or DELETE
	Columns          []FetchColumn // of the rows, by the columns of the answer to Rows
	Owner            int           // column of the answer with the row's owner
	Assigned         []int         // protected columns that an UPDATE assigns, in the order of the text
	Fetches          []Fetch       // of the tables in subqueries
	ReadsTarget      bool          // MySQL's error 1093: a subquery reads the table that is written to

	name            string       // what the statement calls the table
	rows            []clauseText // question for the rows
	where           span         // condition for the work table, without the word
	tail            span         // ORDER BY and LIMIT for it
	sets            []span       // assignments that give the protected columns' values
	limits, selects bool         // there is a LIMIT; see ChooseText

	Targets  []WriteTarget // of a statement that names several tables
	together span          // such a statement; it runs in the scratch server as a whole

	Updates *ComputedUpdates // of ON DUPLICATE KEY UPDATE

	selection *selection // of an INSERT ... SELECT

	edits []edit // of clauses that run in the scratch server
}

// RowNumber is the column of the work table that tells its rows apart, from 1; rows that are meant get a negative one.
const RowNumber = ownerPrefix + "row"

// TargetName is what the statement calls the table that it writes to.
func (s *Statement) TargetName() string {
	if w := s.ComputedWrite; w.name != "" {
		return w.name
	}
	return s.write.table.Name
}

// RowsText is the question for the rows that an UPDATE or DELETE may mean. The answer's columns are those of a Probe, and
// behind them what Columns says.
func (s *Statement) RowsText(dst []byte) []byte {
	for _, p := range s.ComputedWrite.rows {
		dst = append(dst, p.text...)
		if p.clause.from < p.clause.to {
			dst, _ = s.clauseWith(dst, p.clause, nil)
		}
	}
	return dst
}

// ChooseText chooses the rows of the work table that the statement means: by an UPDATE that makes their numbers negative, or
// where MariaDB deletes, which takes conditions as lightly as a SELECT does, by a SELECT of their numbers made negative.
func (s *Statement) ChooseText(dst []byte) (text []byte, selects bool) {
	w := s.ComputedWrite
	if w.selects {
		return s.chooseBySelect(dst), true
	}
	dst = append(dst, "UPDATE "...)
	if s.Ignore() {
		dst = append(dst, "IGNORE "...)
	}
	dst = append(dst, quoteName(w.Work)+" AS "+quoteName(w.name)+" SET "+RowNumber+" = -"+RowNumber...)
	if w.where.from < w.where.to {
		dst = s.computedClause(append(dst, " WHERE "...), w.where)
	}
	if w.tail.from < w.tail.to {
		dst = s.computedClause(append(dst, ' '), w.tail)
	}
	return dst, false
}

func (s *Statement) chooseBySelect(dst []byte) []byte {
	w := s.ComputedWrite
	dst = append(dst, "SELECT -"+RowNumber+" FROM "+quoteName(w.Work)+" AS "+quoteName(w.name)...)
	if w.where.from < w.where.to {
		dst = s.computedClause(append(dst, " WHERE "...), w.where)
	}
	if w.tail.from < w.tail.to {
		dst = s.computedClause(append(dst, ' '), w.tail)
	}
	if !w.limits {
		dst = append(dst, " LIMIT 18446744073709551615"...) // or @@sql_select_limit would count here
	}
	return dst
}

// ComputeSetText is the UPDATE of the table's twin, which holds the rows that are meant.
func (s *Statement) ComputeSetText(dst []byte) []byte {
	w := s.ComputedWrite
	dst = append(dst, "UPDATE "...)
	if s.Ignore() {
		dst = append(dst, "IGNORE "...)
	}
	dst = append(dst, quoteName(w.Table.Name)...)
	if w.name != w.Table.Name {
		dst = append(dst, " AS "+quoteName(w.name)...)
	}
	dst = append(dst, " SET "...)
	for i, v := range w.sets {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		dst = s.computedClause(dst, v)
	}
	return dst
}

// computedClause renders tokens of the statement for the scratch server.
func (s *Statement) computedClause(dst []byte, v span) []byte {
	t := &text{s: s, dst: dst, last: int(s.Tokens[v.from].Start)}
	for _, e := range s.ComputedWrite.edits {
		if v.from <= e.at && e.at < v.to {
			t.apply(e)
		}
	}
	if end := int(s.Tokens[v.to-1].End); t.last < end {
		t.dst = append(t.dst, s.SQL[t.last:end]...)
	}
	return t.dst
}

// DeleteText is the DELETE of the rows with the keys.
func (s *Statement) DeleteText(dst []byte, keys [][][]byte) []byte {
	t := &text{s: s, dst: dst}
	t.replace(s.write.update.setEnd, s.write.update.setEnd)
	rows := make([]RowPatch, len(keys))
	for i, key := range keys {
		rows[i].Key = key
	}
	return s.restrict(trimRight(t.dst), rows, "FALSE")
}

// explainComputedWrite shows what runs where.
func (s *Statement) explainComputedWrite(b *strings.Builder) {
	w := s.ComputedWrite
	switch {
	case len(w.Targets) > 0:
		s.explainTargets(b)
		return
	case w.Updates != nil:
		s.explainUpdates(b)
		return
	}
	s.explainFetches(b)
	if w.selection != nil {
		fmt.Fprintf(b, "scratch: %s\nthen:    the statement with the rows that came out, sealed, in the place of the SELECT\n", s.SelectText(nil))
		return
	}
	if w.Inserts {
		fmt.Fprintf(b, "scratch: the values of protected columns\nthen:    the statement with what came out, sealed\n")
		return
	}
	fmt.Fprintf(b, "backend: %s\n", s.RowsText(nil))
	if w.Work != "" {
		text, _ := s.ChooseText(nil)
		fmt.Fprintf(b, "scratch: %s\n", text)
	}
	if len(w.Assigned) > 0 {
		fmt.Fprintf(b, "scratch: %s\n", s.ComputeSetText(nil))
	}
	fmt.Fprintf(b, "then:    the statement for the rows found, by their keys, with values sealed for each row's owner\n")
}
