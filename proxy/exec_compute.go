package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
	"phiproxy/scratch"
)

// execCompute runs a statement that computes with protected values: its rows are fetched from the backend on the client's
// own connection, opened, and loaded into work tables of the scratch server, which then runs the statement. execution is that of
// a prepared one.
func (s *session) execCompute(st *rewrite.Statement, execution *prepared) error {
	c := &compute{s: s, st: st, execution: execution, opener: s.newOpener()}
	defer c.close()
	if err := c.load(); err != nil {
		return scratchFault(err)
	}
	return scratchFault(c.answer())
}

// compute is one run of such a statement.
type compute struct {
	s         *session
	st        *rewrite.Statement
	execution *prepared // nil in the text protocol
	opener    *opener
	scratch   *scratch.Session
	broken    error    // the backend's connection is not in step
	literals  [][]byte // of the statement's values, see rewrite.Statement.ComputeText
	variables [][]byte // statements that give the scratch session the client's user variables
}

func (c *compute) close() {
	c.opener.finish()
	if c.scratch != nil {
		c.scratch.Release()
	}
}

// load fetches and loads the rows of every table reference.
func (c *compute) load() (err error) {
	s := c.s
	settings, err := s.scratchSettings(c.st.Compute.Clock)
	if err != nil {
		return err
	}
	if c.scratch, err = s.srv.cfg.Scratch.Session(s.ctx, settings); err != nil {
		return err
	}
	c.scratch.Database = s.state.Database
	return s.reading(len(c.st.Compute.Fetches) > 1, func() error {
		if err := c.askValues(); err != nil {
			return err
		}
		for i := range c.st.Compute.Fetches {
			if err := c.fetch(i); err != nil {
				return err
			}
		}
		return nil
	})
}

// reading runs f, which reads from the backend, with results in utf8mb4 and, where several answers must show one state of
// the database, in one snapshot.
func (s *session) reading(several bool, f func() error) error {
	if s.env.Results.Name != "utf8mb4" {
		if _, err := s.exec([]byte("SET character_set_results = utf8mb4")); err != nil {
			return err
		}
		name := s.env.Results.Name
		if name == "binary" {
			name = "NULL"
		}
		inner := f
		f = func() error {
			err := inner()
			if out := s.outOfStep(err); out {
				return err
			}
			_, after := s.exec([]byte("SET character_set_results = " + name))
			return errors.Join(err, after)
		}
	}
	if !several || !s.autocommit() || s.inTransaction() {
		return f()
	}
	for _, sql := range []string{"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT"} {
		if _, err := s.exec([]byte(sql)); err != nil {
			return err
		}
	}
	err := f()
	if s.outOfStep(err) {
		return err
	}
	_, after := s.exec([]byte("COMMIT"))
	return errors.Join(err, after)
}

// outOfStep reports whether an error is one after which the backend's connection cannot be used.
func (s *session) outOfStep(err error) bool {
	var f *fault.Error
	var se *serverError
	var sc *scratch.Error
	var ss *scratch.ServerError
	return err != nil && !errors.As(err, &f) && !errors.As(err, &se) && !errors.As(err, &sc) && !errors.As(err, &ss)
}

// fetch loads the rows of one table reference.
func (c *compute) fetch(i int) error {
	s, f := c.s, &c.st.Compute.Fetches[i]
	text, err := c.st.FetchText(nil, i, c.literal)
	if err != nil {
		return fault.ValueForm.With("parameter")
	}
	var asked []uint16
	if f.Joined { // through a temporary table, in which columns lose their flags
		if asked, err = s.columnFlags(f); err != nil {
			return err
		}
	}
	if err := s.send(mysql.COM_QUERY, text); err != nil {
		return err
	}
	h, err := s.head()
	if err != nil {
		return err
	}
	flags := make([]uint16, len(f.Columns))
	for i := range h.columns {
		var d packet.Column
		if err := s.readColumn(&d); err != nil {
			return err
		}
		for at, fc := range f.Columns {
			if fc.Definition == i {
				flags[at] = d.Flags
			}
		}
	}
	if err := s.readDefinitionsEnd(); err != nil {
		return err
	}
	if asked != nil {
		flags = asked
	}
	rows := &fetchedRows{c: c, f: f, columns: h.columns, row: make([][]byte, len(f.Columns))}
	err = c.scratch.Load(s.ctx, c.workTable(f, flags), rows.all)
	if c.broken != nil {
		return c.broken
	}
	if !rows.ended {
		if drained := s.drainRows(); drained != nil {
			return drained
		}
	}
	return err
}

// literal appends the literal of a parameter.
func (c *compute) literal(dst []byte, n int) ([]byte, error) {
	if c.execution == nil || n >= len(c.execution.exec.Params) {
		return dst, packet.ErrNoLiteral
	}
	style := packet.LiteralStyle{NoBackslashEscapes: c.s.state.Mode&token.NoBackslashEscapes != 0, TypedTemporal: true}
	return packet.AppendLiteral(dst, c.execution.exec.Params[n], style)
}

// columnFlags asks the backend for the flags of the columns that a fetch takes from its table.
func (s *session) columnFlags(f *rewrite.Fetch) ([]uint16, error) {
	text := []byte("SELECT ")
	for i, fc := range f.Columns {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = appendName(text, f.Table.Columns[fc.Column].Name)
	}
	text = append(appendName(append(text, " FROM "...), f.Table.Schema), '.')
	a, err := s.query(append(appendName(text, f.Table.Name), " LIMIT 0"...))
	if err != nil {
		return nil, err
	}
	flags := make([]uint16, len(a.Columns))
	for i := range a.Columns {
		flags[i] = a.Columns[i].Flags
	}
	return flags, nil
}

func appendName(dst []byte, name string) []byte {
	return append(append(append(dst, '`'), strings.ReplaceAll(name, "`", "``")...), '`')
}

// workTable describes the table that stands for a table reference.
func (c *compute) workTable(f *rewrite.Fetch, flags []uint16) scratch.WorkTable {
	t := f.Table
	w := scratch.WorkTable{Name: f.Work, Schema: t.Schema, Table: t.Name}
	if c.st.Compute != nil && c.st.Compute.Keys {
		w.Unique = f.UniqueKeys()
	}
	for i, fc := range f.Columns {
		column := &t.Columns[fc.Column]
		w.Columns = append(w.Columns, scratch.WorkColumn{
			Name: column.Name, Type: logicalType(column), NotNull: !column.Nullable, UTF8: column.Collation != "" || column.Protected != nil,
			Origin: &scratch.Origin{Schema: t.Schema, Table: t.Name, Column: column.Name, Flags: flags[i]},
		})
	}
	return w
}

// logicalType is a column's type as clients see it, as in CREATE TABLE.
func logicalType(c *rewrite.Column) string {
	if c.Protected != nil {
		return c.Protected.Definition
	}
	if c.Collation == "" {
		return c.Type
	}
	charset, _, _ := strings.Cut(c.Collation, "_")
	return c.Type + " CHARACTER SET " + charset + " COLLATE " + c.Collation
}

// fetchedRows are the rows of one answer on their way to a work table.
type fetchedRows struct {
	c       *compute
	f       *rewrite.Fetch
	columns int
	ended   bool
	row     [][]byte
	plain   []byte
}

// all is a scratch.RowSource.
func (r *fetchedRows) all(yield func([][]byte, error) bool) {
	var end packet.OK
	for {
		p, done, err := r.c.s.nextRow(&end)
		var se *serverError
		switch {
		case err != nil:
			if r.ended = errors.As(err, &se); !r.ended {
				r.c.broken = err
			}
			yield(nil, err)
			return
		case done:
			r.ended = true
			return
		}
		row, err := r.open(p)
		if !yield(row, err) || err != nil {
			return
		}
	}
}

func (r *fetchedRows) open(p []byte) ([][]byte, error) {
	values, err := textRow(p, r.columns)
	if err != nil {
		r.c.broken = err
		return nil, err
	}
	r.plain = r.plain[:0]
	for i, fc := range r.f.Columns {
		if r.row[i], err = r.value(values, fc); err != nil {
			return nil, err
		}
	}
	return r.row, nil
}

// value is the value of one column for its work table.
func (r *fetchedRows) value(values [][]byte, fc rewrite.FetchColumn) ([]byte, error) {
	t, v := r.f.Table, values[fc.Value]
	column := &t.Columns[fc.Column]
	switch {
	case len(v) == 0: // NULL, or the empty text, which is not sealed
		return v, nil
	case column.Protected != nil:
		start := len(r.plain)
		plain, err := r.c.opener.Open(r.plain, &rewrite.Output{Table: t, Column: fc.Column}, values[r.f.Owner], v)
		if err != nil {
			return nil, err
		}
		if r.plain = plain; len(plain) == start {
			return []byte{}, nil // not nil, which is NULL
		}
		return plain[start:len(plain):len(plain)], nil
	case t.Protected && fc.Column == t.Flag && !t.ShowFlag:
		return []byte("0"), nil
	case strings.HasPrefix(column.Type, "timestamp"):
		return utcTimestamp(v, values[fc.Definition]), nil
	}
	return v, nil
}

// utcTimestamp writes seconds since 1970 as a timestamp of UTC. The zero timestamp, whose number is 0, is shown as zero.
func utcTimestamp(seconds, shown []byte) []byte {
	if bytes.HasPrefix(shown, []byte("0000")) {
		return shown
	}
	n, ok := new(big.Rat).SetString(string(seconds))
	if !ok {
		return shown
	}
	micros := new(big.Int).Quo(new(big.Int).Mul(n.Num(), big.NewInt(1_000_000)), n.Denom()).Int64()
	return time.UnixMicro(micros).UTC().AppendFormat(nil, "2006-01-02 15:04:05.000000")
}

// prepareCompute prepares a statement that the scratch server will run. The backend prepares one with as many parameters,
// which gives the statement its id and is never executed; the columns are those that the scratch server finds.
func (s *session) prepareCompute(st *rewrite.Statement) error {
	columns, err := s.computedColumns(st)
	if err != nil {
		return err
	}
	params := len(marks(st.Tokens))
	ok, err := s.prepareText([]byte("DO 0" + strings.Repeat(" + ?", params)))
	if err != nil {
		return err
	}
	ok.Columns = uint16(len(columns))
	s.keepPrepared(st, ok, true)
	if err := s.client.WritePacket(ok.Append(nil)); err != nil {
		return err
	}
	if err := s.relayDefinitions(params); err != nil {
		return err
	}
	if err := s.backend.Settle(); err != nil {
		return err
	}
	for _, column := range columns {
		if err := s.client.WritePacket(column); err != nil {
			return err
		}
	}
	if len(columns) > 0 {
		if err := s.sendDefEOF(packet.OK{Status: s.status}); err != nil {
			return err
		}
	}
	return s.client.Flush()
}

// computedColumns are the columns of the statement's result, found over empty work tables.
func (s *session) computedColumns(st *rewrite.Statement) ([][]byte, error) {
	c := &compute{s: s, st: st, opener: s.newOpener()}
	defer c.close()
	settings, err := s.scratchSettings(st.Compute.Clock)
	if err != nil {
		return nil, err
	}
	if c.scratch, err = s.srv.cfg.Scratch.Session(s.ctx, settings); err != nil {
		return nil, err
	}
	c.scratch.Database = s.state.Database
	if err := s.reading(false, c.askValues); err != nil {
		return nil, err
	}
	for _, set := range c.variables {
		if _, err := c.scratch.Query(s.ctx, set); err != nil {
			return nil, err
		}
	}
	none := func(func([][]byte, error) bool) {}
	for i := range st.Compute.Fetches {
		f := &st.Compute.Fetches[i]
		flags, err := s.columnFlags(f)
		if err != nil {
			return nil, err
		}
		if err := c.scratch.Load(s.ctx, c.workTable(f, flags), none); err != nil {
			return nil, err
		}
	}
	p, err := c.scratch.Prepare(s.ctx, st.ComputeText(nil, c.literals))
	if err != nil {
		return nil, err
	}
	return p.Columns, nil
}

// answer runs the statement in the scratch server and passes its answer on.
func (c *compute) answer() error {
	rows, err := c.run()
	if err != nil {
		return err
	}
	if err := c.passColumns(rows.Columns); err != nil {
		return err
	}
	shown := uint64(0)
	for {
		p, err := rows.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		c.s.rows++
		shown++
		if err := c.s.client.WritePacket(p); err != nil {
			return err
		}
	}
	if err := c.keepWarnings(rows.OK.Warnings); err != nil {
		return err
	}
	if err := c.keepCounts(shown); err != nil {
		return err
	}
	return c.s.sendEOF(packet.OK{Status: c.s.status, Warnings: rows.OK.Warnings})
}

func (c *compute) run() (*scratch.Rows, error) {
	for _, set := range c.variables {
		if _, err := c.scratch.Query(c.s.ctx, set); err != nil {
			return nil, err
		}
	}
	if c.execution == nil {
		return c.scratch.Query(c.s.ctx, c.st.ComputeText(nil, c.literals))
	}
	p, err := c.scratch.Prepare(c.s.ctx, c.execution.st.ComputeText(nil, c.literals))
	if err != nil {
		return nil, err
	}
	e := c.execution.exec
	e.NewTypes = true // the client may have sent them with an earlier execution
	return c.scratch.Execute(c.s.ctx, p, e.Append(nil)[executeHead:])
}

// executeHead is the part of COM_STMT_EXECUTE in front of the parameters: command, statement id, flags, iteration count.
const executeHead = 1 + 4 + 1 + 4

func (c *compute) passColumns(columns [][]byte) error {
	if err := c.s.client.WritePacket(packet.AppendLenEncInt(nil, uint64(len(columns)))); err != nil {
		return err
	}
	for _, column := range columns {
		if err := c.s.client.WritePacket(column); err != nil {
			return err
		}
	}
	return c.s.sendDefEOF(packet.OK{Status: c.s.status})
}

// keepWarnings keeps the warnings of the statement for SHOW WARNINGS.
func (c *compute) keepWarnings(n uint16) error {
	c.s.diag = diagnostics{alone: true}
	if n == 0 {
		return nil
	}
	list, err := c.scratch.Warnings(c.s.ctx)
	if err != nil {
		return err
	}
	for _, w := range list {
		c.s.diag.own = append(c.s.diag.own, warning{w.Level, w.Code, string(w.Message)})
	}
	return nil
}

// notAsked are variables that the server does not have, by its family, or that do not decide what the statement gives.
var notAsked = map[rewrite.Flavor][]string{
	rewrite.MySQL:   {"insert_id", "rand_seed1", "rand_seed2", "old_mode", "character_set_collations", "max_recursive_iterations"},
	rewrite.MariaDB: {"insert_id", "rand_seed1", "rand_seed2", "default_collation_for_utf8mb4", "character_set_collations", "block_encryption_mode", "cte_max_recursion_depth", "windowing_use_high_precision"},
	rewrite.Embedded: {"insert_id", "rand_seed1", "rand_seed2", "old_mode", "character_set_collations", "max_recursive_iterations", "default_collation_for_utf8mb4",
		"block_encryption_mode", "windowing_use_high_precision"},
}

// settingsQuery asks for the session variables that decide what expressions give.
func settingsQuery(names []string) []byte {
	text := []byte("SELECT ")
	for i, name := range names {
		if i > 0 {
			text = append(text, ", "...)
		}
		text = append(append(text, "@@"...), name...)
	}
	for _, at := range zoneSamples {
		text = fmt.Appendf(text, ", FROM_UNIXTIME(%d)", at)
	}
	return append(text, " LIMIT 1"...) // which @@sql_select_limit = 0 does not change
}

func settingNames(flavor rewrite.Flavor) []string {
	return slices.DeleteFunc(scratch.Variables(), func(name string) bool { return slices.Contains(notAsked[flavor], name) })
}

// scratchSettings are the session's variables as the scratch server shall have them. They are asked for when they may have
// changed, and when the statement wants to know the time, which is one of them.
func (s *session) scratchSettings(clock bool) (scratch.Settings, error) {
	if s.settings != nil && !clock {
		return *s.settings, nil
	}
	names := settingNames(s.flavor())
	a, err := s.query(settingsQuery(names))
	if err != nil {
		return scratch.Settings{}, err
	}
	if len(a.Rows) != 1 || len(a.Rows[0]) != len(names)+len(zoneSamples) {
		return scratch.Settings{}, backendError(errOutOfStep)
	}
	values := map[string]*string{}
	for i, v := range a.Rows[0][:len(names)] {
		switch {
		case names[i] == "timestamp" && !clock:
		case v == nil:
			values[names[i]] = nil
		default:
			text := string(v)
			values[names[i]] = &text
		}
	}
	if zone := values["time_zone"]; zone != nil && strings.EqualFold(*zone, systemZone) {
		if *zone, err = zoneOf(a.Rows[0][len(names):], time.Local); err != nil {
			return scratch.Settings{}, err
		}
	}
	settings, err := scratch.NewSettings(values)
	if err == nil {
		settings.Names = s.namedCharset(a.Columns[1].Charset, values)
		if !clock { // the time is that of one statement
			s.settings = &settings
		}
	}
	return settings, err
}

// scratchFault turns an error of the scratch server into the client's.
func scratchFault(err error) error {
	var answered *scratch.ServerError
	var failed *scratch.Error
	switch {
	case errors.As(err, &failed):
	case errors.As(err, &answered):
		return &serverError{payload: (&packet.Err{Code: answered.Code, State: answered.State, Message: answered.Message}).Append(nil), forgotten: true}
	default:
		return err
	}
	var own *fault.Error
	if errors.As(failed.Cause, &own) {
		return own // of a row that was being loaded
	}
	switch failed.Kind {
	case scratch.TooManyRows, scratch.TooManyBytes, scratch.Full:
		return fault.ScratchLimit.With("%v", failed)
	case scratch.Timeout:
		return fault.ScratchTimeout.With("%v", failed)
	case scratch.Unfit:
		return fault.ScratchUnfit.With("%v", failed)
	}
	return fault.ScratchUnavailable.With("%v: %v", failed, failed.Cause)
}
