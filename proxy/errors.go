package proxy

import (
	"errors"
	"fmt"

	"go.uber.org/zap/zapcore"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite/fault"
)

// Ordinary ends of a session.
var (
	errQuit    = errors.New("the client said goodbye")
	errDrained = errors.New("the proxy is shutting down")
)

// errOutOfStep is a response that does not have the form which the protocol gives it. Nothing that follows on the
// connection can be trusted.
var errOutOfStep = errors.New("the response does not follow the protocol")

// serverError is an error of the database server, to be passed on to the client as it came.
type serverError struct {
	payload   []byte    // the ERR packet
	forgotten bool      // the server does not know of it, or not any more: SHOW WARNINGS has to be answered by the proxy
	beside    []warning // all that SHOW WARNINGS shall show then; nil when that is the error alone
}

func newServerError(payload []byte) *serverError {
	return &serverError{payload: append([]byte(nil), payload...)}
}

// Error names the code only: the text may quote a value.
func (e *serverError) Error() string { return fmt.Sprintf("server error %d", e.code()) }

// decoded returns the error's code and text.
func (e *serverError) decoded() (code uint16, text string) {
	var p packet.Err
	if p.Decode(e.payload) != nil {
		return 0, ""
	}
	return p.Code, string(p.Message)
}

func (e *serverError) code() uint16 {
	var p packet.Err
	if p.Decode(e.payload) != nil {
		return 0
	}
	return p.Code
}

// internalError is a panic.
type internalError struct {
	text  string
	stack string
}

func (e *internalError) Error() string { return e.text }

// backendError blames the backend for a packet that makes no sense.
func backendError(err error) error {
	return &wire.Error{Peer: backendPeer, Op: "read", Err: err}
}

func clientError(err error) error {
	return &wire.Error{Peer: clientPeer, Op: "read", Err: err}
}

// blame says which side a session's end is due to, and how loudly to say so.
func blame(err error) (fault.Culprit, zapcore.Level) {
	var f *fault.Error
	var w *wire.Error
	var se *serverError
	switch {
	case errors.Is(err, errQuit):
		return fault.Client, zapcore.DebugLevel
	case errors.Is(err, errDrained):
		return fault.Limits, zapcore.InfoLevel
	case errors.As(err, &w) && w.Peer == clientPeer:
		return fault.Client, zapcore.InfoLevel
	case errors.As(err, &w):
		return fault.Backend, zapcore.WarnLevel
	case errors.As(err, &f):
		return f.Culprit, zapcore.InfoLevel
	case errors.As(err, &se):
		return fault.Auth, zapcore.InfoLevel
	}
	return fault.Internal, zapcore.ErrorLevel
}
