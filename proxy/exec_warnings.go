package proxy

import (
	"strconv"
	"strings"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
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
	q := question(sql)
	switch {
	case q == "SELECT ROW_COUNT()" && d.rowCount != nil:
		return true, s.askCounted(sql, d.rowCount)
	case q == "SELECT FOUND_ROWS()" && d.foundRows != nil:
		return true, s.askCounted(sql, d.foundRows)
	case q == "SHOW WARNINGS", q == "SHOW ERRORS":
		return true, s.askConditions(sql, q == "SHOW ERRORS")
	case q == "SHOW COUNT(*) WARNINGS", q == "SHOW COUNT(*) ERRORS":
		return true, s.askCount(sql, q == "SHOW COUNT(*) ERRORS")
	}
	s.diag = diagnostics{}
	return false, nil
}

// question is a short statement in upper case, its white space made even.
func question(sql []byte) string {
	const longest = 64
	if len(sql) > longest {
		return ""
	}
	text := strings.TrimRight(string(sql), "; \t\r\n")
	return strings.Join(strings.Fields(strings.ToUpper(text)), " ")
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

func (s *session) askConditions(sql []byte, onlyErrors bool) error {
	a, err := s.query(sql)
	if err != nil {
		return err
	}
	var rows [][][]byte
	for _, w := range s.diag.conditions(onlyErrors) {
		rows = append(rows, [][]byte{[]byte(w.level), strconv.AppendUint(nil, uint64(w.code), 10), []byte(w.text)})
	}
	if !s.diag.alone {
		rows = append(rows, a.Rows...)
	}
	s.diag.rowCount = nil // from now on the server's is right: that of SHOW WARNINGS
	a.Rows = rows
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
	a, err := s.query([]byte("SHOW WARNINGS"))
	if err != nil {
		return ok, err
	}
	for _, row := range a.Rows {
		code, _ := strconv.ParseUint(string(row[1]), 10, 16)
		if s.reparsed && code == deprecatedSyntax {
			ok.Warnings--
			ok.Info = recountWarnings(ok.Info, ok.Warnings)
			continue
		}
		s.diag.own = append(s.diag.own, warning{string(row[0]), uint16(code), string(row[2])})
	}
	return ok, nil
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
