package proxy

import (
	"context"
	"time"

	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
	"phiproxy/rewrite/fault"
)

// greet connects to the backend and passes its greeting on: the challenge in it is what the client proves its password
// against. Only the capabilities are changed.
func (s *session) greet(ctx context.Context) error {
	if err := s.dial(ctx); err != nil {
		return s.failEarly(fault.BackendUnreachable, err)
	}
	payload, err := s.backend.ReadPacket()
	if err != nil {
		return s.failEarly(fault.BackendUnreachable, err)
	}
	if packet.IsErr(payload) { // too many connections, host not allowed
		return s.passEarly(payload)
	}
	if err := s.greeting.Decode(payload); err != nil {
		return s.failEarly(fault.BackendUnreachable, backendError(err))
	}
	s.nonce = s.greeting.Nonce()
	s.status = s.greeting.Status
	offer := s.greeting
	offer.Capabilities = s.offered()
	offer.MariaDB = 0
	return s.client.WritePacket(offer.Append(nil))
}

// offered are the capabilities in the greeting that the client gets.
func (s *session) offered() uint32 {
	return s.srv.legs.offer(s.greeting.Capabilities, s.srv.cfg.ClientTLS != nil)
}

func (s *session) dial(ctx context.Context) error {
	nc, err := s.srv.cfg.Dial(ctx)
	if err != nil {
		return &wire.Error{Peer: backendPeer, Op: "connect", Err: err}
	}
	tuneSocket(nc)
	s.adopt(nc)
	s.backend = wire.New(nc, backendPeer, loginPacketLimit)
	s.backend.Answers()
	wire.Pair(s.client, s.backend)
	if err := s.backend.SetDeadline(s.loginDeadline()); err != nil {
		return err
	}
	if err := s.announce(nc); err != nil {
		return &wire.Error{Peer: backendPeer, Op: "write", Err: err}
	}
	return nil
}

func (s *session) loginDeadline() time.Time {
	return s.started.Add(s.srv.cfg.Limits.LoginTimeout)
}

// failEarly tells the client why there is no greeting, and returns the reason.
func (s *session) failEarly(f *fault.Fault, reason error) error {
	s.srv.cfg.Metrics.fault(f)
	_ = s.sendEarlyFault(f) // the session ends for the reason given, whether the client still hears it or not
	return reason
}

// sendEarlyFault sends an error in place of the greeting: it has no SQLSTATE yet.
func (s *session) sendEarlyFault(f *fault.Fault) error {
	e := packet.Err{Code: f.Code, Message: []byte(f.Message())}
	if err := s.client.WritePacket(e.Append(nil)); err != nil {
		return err
	}
	return s.client.Flush()
}

func (s *session) passEarly(payload []byte) error {
	reason := newServerError(payload)
	_ = s.client.WritePacket(payload)
	_ = s.client.Flush() // as in failEarly
	return backendError(reason)
}
