package proxy

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// diagnostics is what the server cannot tell about the last statement, because the proxy had a part in it. The zero value
// says that the server knows everything.
type diagnostics struct {
	own      []warning // conditions of the proxy's own; they come before the server's
	kept     bool      // own holds what the server said about the statement, too
	alone    bool      // the server's are of another statement
	rowCount []byte    // ROW_COUNT(), when the server's is that of the proxy's COMMIT

	foundRows []byte // FOUND_ROWS(), when the server's is that of the proxy's own question
}

// known reports whether there is anything that the server cannot tell.
func (d *diagnostics) known() bool { return d.own != nil || d.alone || d.rowCount != nil }

// warning is one line of SHOW WARNINGS.
type warning struct {
	level string // "Note", "Warning" or "Error"
	code  uint16
	text  string
}

const (
	levelNote    = "Note"
	levelWarning = "Warning"
	levelError   = "Error"
)

// askDiagnostics answers a question about the last statement when the server's answer would not be right. Any other
// statement ends the life of the diagnostics, as it does in the server.
func (s *session) askDiagnostics(sql []byte) (done bool, err error) {
	d := &s.diag
	if !d.known() {
		return false, nil
	}
	q := questionOf(sql)
	switch {
	case q.text == "SELECT ROW_COUNT ( )" && d.rowCount != nil:
		return true, s.askCounted(sql, d.rowCount)
	case q.text == "SELECT FOUND_ROWS ( )" && d.foundRows != nil:
		return true, s.askCounted(sql, d.foundRows)
	case q.text == "SHOW WARNINGS", q.text == "SHOW ERRORS":
		return true, s.askConditions(q)
	case slices.Contains(counts, q.text):
		return true, s.askCount(sql, strings.Contains(q.text, "ERROR"))
	case q.diagnostics && (d.own != nil || d.alone):
		return true, fault.Diagnostics.With("conditions that the proxy knows")
	}
	s.diag = diagnostics{}
	return false, nil
}

func (s *session) askCounted(sql, count []byte) error {
	a, err := s.query(sql)
	if err != nil {
		return err
	}
	a.Rows = [][][]byte{{count}}
	s.diag = diagnostics{} // what follows asks about this question, which the server has answered
	return s.sendAnswer(a)
}

func (s *session) askConditions(q question) error {
	a, err := s.query([]byte(q.text))
	if err != nil {
		return err
	}
	var rows [][][]byte
	for _, w := range s.diag.conditions(q.text == "SHOW ERRORS") {
		rows = append(rows, [][]byte{[]byte(w.level), strconv.AppendUint(nil, uint64(w.code), 10), []byte(w.text)})
	}
	if !s.diag.alone {
		rows = append(rows, a.Rows...)
	}
	s.diag.rowCount = nil // from now on the server's is right: that of SHOW WARNINGS
	a.Rows = q.window(rows)
	return s.sendAnswer(a)
}

func (s *session) askCount(sql []byte, onlyErrors bool) error {
	a, err := s.query(sql)
	if err != nil {
		return err
	}
	n := len(s.diag.conditions(onlyErrors))
	if !s.diag.alone && len(a.Rows) == 1 && len(a.Rows[0]) == 1 {
		servers, _ := strconv.Atoi(string(a.Rows[0][0]))
		n += servers
	}
	a.Rows = [][][]byte{{strconv.AppendInt(nil, int64(n), 10)}}
	return s.sendAnswer(a)
}

func (d *diagnostics) conditions(onlyErrors bool) []warning {
	if !onlyErrors {
		return d.own
	}
	var errors []warning
	for _, w := range d.own {
		if w.level == levelError {
			errors = append(errors, w)
		}
	}
	return errors
}

// failedWith keeps an error of the proxy's own for SHOW WARNINGS, which the server would have shown it in.
func (s *session) failedWith(code uint16, text string) {
	if s.planner != nil && s.flavor() == rewrite.Embedded {
		return // it lists no errors
	}
	s.diag = diagnostics{own: []warning{{levelError, code, text}}, alone: true}
}

// failedBeside is failedWith for an error that the server told, with what it told beside it.
func (s *session) failedBeside(e *serverError) {
	if e.beside == nil {
		s.failedWith(e.decoded())
		return
	}
	s.diag = diagnostics{own: e.beside, alone: true}
}

// deprecatedSyntax is ER_WARN_DEPRECATED_SYNTAX: a warning of the parser, not of the execution.
const deprecatedSyntax = 1287

// keepConditions reads the warnings of the statement that the server has just run, before another statement of the
// proxy's own makes it forget them. The parser's are left out when the client's statement was parsed long ago: they were
// given to it at COM_STMT_PREPARE.
func (s *session) keepConditions(ok packet.OK) (packet.OK, error) {
	if s.diag.kept {
		return ok, nil
	}
	s.diag = diagnostics{alone: true, kept: true, rowCount: strconv.AppendUint(nil, ok.AffectedRows, 10)}
	if ok.Warnings == 0 {
		return ok, nil
	}
	own, left, err := s.serverConditions()
	s.diag.own = own
	if left > 0 {
		ok.Warnings -= uint16(left)
		ok.Info = recountWarnings(ok.Info, ok.Warnings)
	}
	return ok, err
}

// serverConditions reads the server's conditions of the last statement; left is how many of them were left out.
func (s *session) serverConditions() (own []warning, left int, err error) {
	a, err := s.query([]byte("SHOW WARNINGS"))
	if err != nil {
		return nil, 0, asForgotten(err)
	}
	for _, row := range a.Rows {
		code, _ := strconv.ParseUint(string(row[1]), 10, 16)
		if s.reparsed && code == deprecatedSyntax {
			left++
			continue
		}
		own = append(own, warning{string(row[0]), uint16(code), string(row[2])})
	}
	return own, left, nil
}

// asForgotten marks an error of a statement of the proxy's own.
func asForgotten(err error) error {
	var e *serverError
	if errors.As(err, &e) {
		e.forgotten = true
	}
	return err
}

// keepError reads what the server says beside an error, before a ROLLBACK of the proxy's makes it forget. Where it does not
// tell, the error alone is kept.
func (s *session) keepError(e *serverError) error {
	if e.forgotten || s.flavor() == rewrite.Embedded {
		e.forgotten = true
		return nil
	}
	e.forgotten = true
	own, _, err := s.serverConditions()
	if err == nil {
		e.beside = own
	}
	return unlessLost(err, nil)
}

// sendAnswer sends a result set that is held in memory.
func (s *session) sendAnswer(a *answer) error {
	packets := [][]byte{packet.AppendLenEncInt(nil, uint64(len(a.Columns)))}
	for i := range a.Columns {
		packets = append(packets, a.Columns[i].Append(nil))
	}
	for _, p := range packets {
		if err := s.client.WritePacket(p); err != nil {
			return err
		}
	}
	if err := s.sendDefEOF(a.OK); err != nil {
		return err
	}
	for _, row := range a.Rows {
		if err := s.client.WritePacket(appendTextRow(nil, row)); err != nil {
			return err
		}
	}
	return s.sendEOF(a.OK)
}

func appendTextRow(dst []byte, row [][]byte) []byte {
	for _, v := range row {
		if v == nil {
			dst = packet.AppendNull(dst)
		} else {
			dst = packet.AppendLenEncBytes(dst, v)
		}
	}
	return dst
}
