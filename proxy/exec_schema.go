package proxy

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"time"

	"go.uber.org/zap"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
)

// Definitions keeps what protected columns are to clients. Errors that are the client's are *fault.Error.
type Definitions interface {
	// Define judges the protected columns of a statement, as the scratch server understood them.
	Define(ctx context.Context, d *rewrite.Definition, shown rewrite.Shown) (Redefinition, error)
	// Announce tells the other proxies that a protected table was defined anew.
	Announce(ctx context.Context) error
}

// Redefinition is what a statement makes of protected columns.
type Redefinition interface {
	Stored(roomy bool) []string // their types in the database; with roomy they take no room in the row
	Record(ctx context.Context) error
	Forget(ctx context.Context) error // takes Record back
	Close()
}

// recordTimeout bounds what is written about a statement that the server has run, whether the client is still there or not.
const recordTimeout = 30 * time.Second

// execDefinition runs a statement that defines a protected table. The schema is read again before the client learns that
// it is done.
func (s *session) execDefinition(st *rewrite.Statement) error {
	if s.srv.cfg.Definitions == nil {
		return fault.SchemaChange.With("no metadata table")
	}
	ok, err := s.runDefinition(st)
	if err == nil || !s.outOfStep(err) {
		s.schemaStale()
		s.announceDefinition()
	}
	if err != nil {
		return err
	}
	return s.sendOK(ok)
}

func (s *session) announceDefinition() {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), recordTimeout)
	defer cancel()
	if err := s.srv.cfg.Definitions.Announce(ctx); err != nil {
		s.srv.cfg.Log.Warn("other proxies will notice a change of the schema later", zap.Error(err))
	}
}

func (s *session) runDefinition(st *rewrite.Statement) (packet.OK, error) {
	if len(st.Definition.Columns) == 0 {
		return s.sendText(st.SQL)
	}
	shown, err := s.understand(st)
	if err != nil {
		return packet.OK{}, scratchFault(err)
	}
	change, err := s.srv.cfg.Definitions.Define(s.ctx, st.Definition, shown)
	if err != nil {
		return packet.OK{}, err
	}
	defer change.Close()
	const rowTooLarge = 1118
	ok, err := s.applyDefinition(st, change, false)
	var failed *serverError
	if errors.As(err, &failed) && failed.code() == rowTooLarge {
		ok, err = s.applyDefinition(st, change, true)
	}
	return ok, err
}

// applyDefinition runs the statement with stored types in it. What a new table's columns are is recorded first, so that it is
// never there without; what changes in a table that is there is recorded when it has changed.
func (s *session) applyDefinition(st *rewrite.Statement, change Redefinition, roomy bool) (packet.OK, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), recordTimeout)
	defer cancel()
	text := st.DefinitionText(nil, change.Stored(roomy))
	if st.Definition.Create {
		if err := change.Record(ctx); err != nil {
			return packet.OK{}, errors.Join(fault.KeyStore.With("%v", err), change.Forget(ctx))
		}
	}
	ok, err := s.sendText(text)
	var answered *serverError
	switch {
	case errors.As(err, &answered) && st.Definition.Create: // without an answer the table may be there
		if undone := change.Forget(ctx); undone != nil {
			s.srv.cfg.Log.Error("the definition of a table that was not created stays recorded", zap.Error(undone))
		}
	case err == nil && !st.Definition.Create:
		if failed := change.Record(ctx); failed != nil {
			return ok, fault.Unrecorded.With("%v", failed)
		}
	}
	return ok, err
}

// questionTable is the name of the table with which the scratch server is asked.
const questionTable = "phiproxy_question"

// understand asks the scratch server what the definitions of protected columns mean under the session's settings.
func (s *session) understand(st *rewrite.Statement) (shown rewrite.Shown, err error) {
	charset, err := s.tableCharset(st.Definition)
	if err != nil || s.srv.cfg.Scratch == nil {
		return shown, errors.Join(err, errNoScratch(s))
	}
	settings, err := s.scratchSettings(false)
	if err != nil {
		return shown, err
	}
	session, err := s.srv.cfg.Scratch.Session(s.ctx, settings)
	if err != nil {
		return shown, err
	}
	defer session.Release()
	ask := func(sql string) (rows [][][]byte, err error) {
		answer, err := session.Query(s.ctx, []byte(sql))
		if err != nil {
			return nil, err
		}
		for {
			row, err := answer.Next()
			if err == io.EOF {
				return rows, nil
			}
			if err != nil {
				return nil, err
			}
			values, err := textRow(append([]byte(nil), row...), len(answer.Columns))
			if err != nil {
				return nil, err
			}
			rows = append(rows, values)
		}
	}
	return askDefinitions(ask, string(st.Question(nil, questionTable, charset)))
}

func errNoScratch(s *session) error {
	if s.srv.cfg.Scratch == nil {
		return fault.ScratchUnavailable.With("none")
	}
	return nil
}

// askDefinitions makes the table and describes it. The client's sql_mode decides what definitions mean, and must not decide
// how they are shown.
func askDefinitions(ask func(string) ([][][]byte, error), create string) (shown rewrite.Shown, err error) {
	for _, sql := range []string{create, "SET sql_mode = ''"} {
		if _, err := ask(sql); err != nil {
			return shown, err
		}
	}
	text, err := ask("SHOW CREATE TABLE " + questionTable)
	if err != nil {
		return shown, err
	}
	rows, err := ask("SHOW FULL COLUMNS FROM " + questionTable)
	if err != nil {
		return shown, err
	}
	shown.Create = string(text[0][1])
	for _, row := range rows {
		c := rewrite.ShownColumn{Name: string(row[0]), Type: string(row[1]), Collation: string(row[2]), Nullable: strings.EqualFold(string(row[3]), "YES"), Extra: string(row[6])}
		if row[5] != nil {
			text := string(row[5])
			c.Default = &text
		}
		shown.Columns = append(shown.Columns, c)
	}
	return shown, nil
}

// tableCharset tells the character set that columns of the table have by default, as a table option; "" when the statement
// itself tells it.
func (s *session) tableCharset(d *rewrite.Definition) (string, error) {
	if d.TellsCharset() {
		return "", nil
	}
	sql := "SELECT TABLE_COLLATION FROM information_schema.TABLES WHERE TABLE_SCHEMA = " + sqlText(d.Table.Schema) + " AND TABLE_NAME = " + sqlText(d.Table.Name)
	if d.Create {
		sql = "SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = " + sqlText(d.Table.Schema)
	}
	a, err := s.query([]byte(sql))
	switch {
	case err != nil:
		return "", err
	case len(a.Rows) != 1 || len(a.Rows[0]) != 1:
		return "", fault.Absent.With("%s", d.Table.Schema)
	}
	collation := string(a.Rows[0][0])
	charset, _, _ := strings.Cut(collation, "_")
	return "CHARACTER SET " + charset + " COLLATE " + collation, nil
}

// sqlText is a string literal under every sql_mode.
func sqlText(s string) string { return "_utf8mb4 x'" + hex.EncodeToString([]byte(s)) + "'" }
