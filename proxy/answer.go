package proxy

import (
	"github.com/go-mysql-org/go-mysql/mysql"
	"go.uber.org/zap"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite/fault"
)

// sendOK answers the client with OK. The session state that the client did not ask for is left out.
func (s *session) sendOK(ok packet.OK) error {
	ok.EOF = false
	ok.Status |= s.moreFollow()
	return s.finish(ok.Append(nil, s.caps))
}

// sendEOF ends the rows of a result set.
func (s *session) sendEOF(ok packet.OK) error {
	ok.Status |= s.moreFollow()
	if s.deprecateEOF() {
		ok.EOF = true
		return s.finish(ok.Append(nil, s.caps))
	}
	return s.finish(eofOf(ok))
}

// sendDefEOF ends the column definitions of a result set.
func (s *session) sendDefEOF(ok packet.OK) error {
	if s.deprecateEOF() {
		return nil
	}
	ok.Status |= s.moreFollow()
	return s.client.WritePacket(eofOf(ok))
}

// moreFollow is the flag that announces the answer to the next statement of a batch.
func (s *session) moreFollow() uint16 {
	if s.following {
		return mysql.SERVER_MORE_RESULTS_EXISTS
	}
	return 0
}

func eofOf(ok packet.OK) []byte {
	e := packet.EOF{Warnings: ok.Warnings, Status: ok.Status &^ mysql.SERVER_SESSION_STATE_CHANGED}
	return e.Append(nil)
}

// sendFault answers the client with an error of the proxy's own.
func (s *session) sendFault(f *fault.Error) error {
	s.srv.cfg.Metrics.fault(f.Fault)
	s.failing(f.Fault)
	s.srv.cfg.Log.Info("refused", zap.Uint64("session", s.id), zap.String("fault", f.ID), zap.String("detail", f.Detail))
	e := packet.Err{Code: f.Code, Message: []byte(f.Message())}
	if s.has(mysql.CLIENT_PROTOCOL_41) {
		e.State = f.State
	}
	return s.finish(e.Append(nil))
}

// sendServerError passes an error of the database server on.
func (s *session) sendServerError(e *serverError) error {
	return s.finish(e.payload)
}

// finish writes the last packet of an answer and sends what is left of it.
func (s *session) finish(payload []byte) error {
	s.ended(payload)
	if err := s.client.WritePacket(payload); err != nil {
		return err
	}
	return s.client.Flush()
}
