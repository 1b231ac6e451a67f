package proxy

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite/fault"
	"phiproxy/scratch"
)

// refusedFor is the planner's refusal as the client shall hear it. A statement that the server would not run either, because
// of its syntax or of a name that does not exist, gets the server's own error: a typing mistake is no gap of the proxy's.
func (s *session) refusedFor(sql []byte, why error) error {
	s.denied(sql, why)
	var f *fault.Error
	if !errors.As(why, &f) || f.Culprit != fault.Client || strings.HasPrefix(f.ID, "PHI-3") || s.dirty { // 3: of the session, not of the statement
		return why
	}
	withheld := s.planner.Withhold(s.state.Mode, sql)
	if withheld == nil {
		return why
	}
	answer, err := s.tryToPrepare(withheld.Text)
	switch {
	case err != nil:
		return err
	case answer == nil:
		return why
	case answer.code() == mysql.ER_PARSE_ERROR:
		return s.syntaxError(sql, why)
	case slices.Contains(nameErrors, answer.code()), slices.Contains(tableErrors, answer.code()) && !withheld.Has(answer.message()):
		return answer.reworded(withheld.Restore)
	}
	return why
}

// message is the text of the error, "" when it cannot be read.
func (e *serverError) message() string {
	var p packet.Err
	if p.Decode(e.payload) != nil {
		return ""
	}
	return string(p.Message)
}

// reworded is the error with another text.
func (e *serverError) reworded(change func(string) string) *serverError {
	var p packet.Err
	if p.Decode(e.payload) != nil {
		return e
	}
	p.Message = []byte(change(string(p.Message)))
	return &serverError{payload: p.Append(nil), forgotten: e.forgotten}
}

// nameErrors are the errors about names and counts: their texts hold no values.
var nameErrors = []uint16{
	mysql.ER_BAD_FIELD_ERROR, mysql.ER_NON_UNIQ_ERROR, mysql.ER_UNKNOWN_TABLE, mysql.ER_NONUNIQ_TABLE, mysql.ER_WRONG_VALUE_COUNT_ON_ROW,
	mysql.ER_FIELD_SPECIFIED_TWICE, mysql.ER_OPERAND_COLUMNS, mysql.ER_WRONG_NUMBER_OF_COLUMNS_IN_SELECT, mysql.ER_COLUMNACCESS_DENIED_ERROR,
	mysql.ER_WRONG_PARAMCOUNT_TO_NATIVE_FCT, mysql.ER_DERIVED_MUST_HAVE_ALIAS,
}

// tableErrors are those about what may be on the server although the proxy's schema does not know it: a view, a table of
// another database. They say nothing when the name was withheld.
var tableErrors = []uint16{mysql.ER_NO_SUCH_TABLE, mysql.ER_BAD_DB_ERROR, mysql.ER_SP_DOES_NOT_EXIST, mysql.ER_TABLEACCESS_DENIED_ERROR}

// tryToPrepare lets the backend read a text and returns its error, nil when it has none.
func (s *session) tryToPrepare(text []byte) (*serverError, error) {
	ok, err := s.prepareText(text)
	var answer *serverError
	switch {
	case errors.As(err, &answer):
		answer.forgotten = true
		return answer, nil
	case err != nil:
		return nil, err
	}
	for _, n := range []uint16{ok.Params, ok.Columns} {
		if n == 0 {
			continue
		}
		if err := s.dropDefinitions(int(n)); err != nil {
			return nil, err
		}
	}
	return nil, s.send(mysql.COM_STMT_CLOSE, binary.LittleEndian.AppendUint32(nil, ok.StatementID))
}

// syntaxError is the server's error for a text that it does not read, which quotes a piece of it: only the scratch server
// may see that. Where there is none the refusal, which has the same code, stands.
func (s *session) syntaxError(sql []byte, why error) error {
	if s.srv.cfg.Scratch == nil {
		return why
	}
	settings, err := s.scratchSettings(false)
	if err != nil {
		return unlessLost(err, why)
	}
	reader, err := s.srv.cfg.Scratch.Session(s.ctx, settings)
	if err != nil {
		return why
	}
	defer reader.Release()
	var answered *scratch.ServerError
	if _, err := reader.Prepare(s.ctx, sql); errors.As(err, &answered) && answered.Code == mysql.ER_PARSE_ERROR {
		return scratchFault(answered)
	}
	return why
}

// unlessLost is why, unless the connection was lost over asking for more.
func unlessLost(err, why error) error {
	var lost *wire.Error
	if errors.As(err, &lost) {
		return err
	}
	return why
}
