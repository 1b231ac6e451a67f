package proxy

import (
	"errors"
	"io"
	"strconv"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/scratch"
)

// execCompute runs a statement that computes with protected values: its rows are fetched from the backend on the client's
// own connection, opened, and loaded into work tables of the scratch server, which then runs the statement. execution is that of
// a prepared one.
func (s *session) execCompute(st *rewrite.Statement, execution *prepared) error {
	if st.Compute.Explain > 0 {
		return s.explainFetches(st, execution)
	}
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
		if err := c.knowZones(); err != nil {
			return err
		}
		return c.fetches()
	})
}

func (c *compute) fetches() error {
	for i := range c.st.Fetches() {
		if err := c.fetch(i); err != nil {
			return err
		}
	}
	return nil
}

// answer runs the statement in the scratch server and passes its answer on.
func (c *compute) answer() error {
	rows, err := c.run()
	if err != nil {
		return c.failed(c.misread(err))
	}
	if len(rows.Columns) == 0 {
		return c.answerOK(rows)
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
			return c.failed(err)
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
	if err := c.keepVariables(); err != nil {
		return err
	}
	return c.s.sendEOF(packet.OK{Status: c.s.status, Warnings: rows.OK.Warnings})
}

// answerOK answers for a statement that gave its result to variables.
func (c *compute) answerOK(rows *scratch.Rows) error {
	if err := c.keepWarnings(rows.OK.Warnings); err != nil {
		return err
	}
	c.s.diag.rowCount = strconv.AppendUint(nil, rows.OK.AffectedRows, 10)
	if err := c.keepVariables(); err != nil {
		return err
	}
	return c.s.sendOK(packet.OK{AffectedRows: rows.OK.AffectedRows, Status: c.s.status, Warnings: rows.OK.Warnings})
}

// failed keeps the variables that a statement assigned before its error.
func (c *compute) failed(why error) error {
	var answered *scratch.ServerError
	if !errors.As(why, &answered) {
		return why
	}
	if err := c.keepVariables(); err != nil {
		return err
	}
	return why
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

// failedToParse is the server's error for a text that it cannot read.
const failedToParse = 1064

// misread gives the error of a text that the scratch server could not read for the client's own text, since the error quotes it.
func (c *compute) misread(why error) error {
	st := c.st
	if code, ok := answeredCode(why); !ok || code != failedToParse {
		return why
	}
	var err error
	if c.execution == nil {
		_, err = c.scratch.Query(c.s.ctx, st.SQL)
	} else {
		_, err = c.scratch.Prepare(c.s.ctx, st.SQL)
	}
	if code, ok := answeredCode(err); ok && code == failedToParse {
		return err
	}
	return fault.Unparsable.With("what became of it for the scratch server")
}

// answeredCode is the code of an error that the scratch server answered with.
func answeredCode(err error) (code uint16, ok bool) {
	var answered *scratch.ServerError
	if !errors.As(err, &answered) {
		return 0, false
	}
	return answered.Code, true
}
