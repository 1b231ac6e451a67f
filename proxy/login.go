package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite/fault"
)

// login runs everything up to the first command, under one deadline. Buffers are cleared behind it, because passwords
// may pass through them in the clear (inside TLS on either leg).
func (s *session) login() error {
	deadline := s.loginDeadline()
	ctx, cancel := context.WithDeadline(s.ctx, deadline)
	defer cancel()
	if err := s.client.SetDeadline(deadline); err != nil {
		return clientError(err)
	}
	s.client.SetSecret(true)
	if err := s.readAnnouncement(); err != nil {
		return err
	}
	if err := s.greet(ctx); err != nil {
		return err
	}
	s.backend.SetSecret(true)
	if err := s.explainEnd(s.authenticate(ctx)); err != nil {
		return err
	}
	s.forgetSecrets()
	if err := s.startCompression(); err != nil {
		return err
	}
	return s.lift()
}

func (s *session) authenticate(ctx context.Context) error {
	response, err := s.readResponse(ctx)
	if err != nil {
		return err
	}
	if err := s.sendResponse(ctx, response); err != nil {
		return err
	}
	return s.relayAuth(string(response.AuthPlugin))
}

// explainEnd tells the client a fault or a server's error that ends its login.
func (s *session) explainEnd(err error) error {
	var f *fault.Error
	var se *serverError
	switch {
	case errors.As(err, &f):
		return errors.Join(f, s.sendFault(f))
	case errors.As(err, &se):
		return errors.Join(se, s.sendServerError(se))
	}
	return err
}

func (s *session) forgetSecrets() {
	for _, leg := range [...]interface {
		Release()
		SetSecret(bool)
	}{s.client, s.backend} {
		leg.Release()
		leg.SetSecret(false)
	}
}

// lift ends the restrictions of the login.
func (s *session) lift() error {
	s.client.SetLimit(packetLimit)
	s.backend.SetLimit(packetLimit)
	if err := s.client.SetDeadline(time.Time{}); err != nil {
		return clientError(err)
	}
	if err := s.backend.SetDeadline(time.Time{}); err != nil {
		return backendError(err)
	}
	return nil
}

// readResponse reads the client's login, switching to TLS first when the client asks for it.
func (s *session) readResponse(ctx context.Context) (*packet.HandshakeResponse, error) {
	payload, err := s.client.ReadPacket()
	if err != nil {
		return nil, err
	}
	if packet.IsSSLRequest(payload) {
		if payload, err = s.startClientTLS(ctx); err != nil {
			return nil, err
		}
	}
	response := new(packet.HandshakeResponse)
	if err := response.Decode(payload); err != nil {
		return nil, loginFault(payload)
	}
	s.caps = s.srv.legs.agree(response.Capabilities, s.offered())
	s.backCaps = s.srv.legs.ask(s.caps, s.greeting.Capabilities)
	if s.has(mysql.CLIENT_MULTI_STATEMENTS) {
		s.multi = multiOn
	}
	s.zstdLevel = response.ZstdLevel
	s.user = string(response.User)
	s.identify(response.Attributes)
	s.uses(string(response.Database))
	return response, s.acceptable(response)
}

func (s *session) startClientTLS(ctx context.Context) ([]byte, error) {
	if s.srv.cfg.ClientTLS == nil {
		return nil, fault.PacketMalformed.With("TLS was asked for and not offered")
	}
	if err := s.client.StartTLS(ctx, tls.Server, s.srv.cfg.ClientTLS); err != nil {
		return nil, err
	}
	return s.client.ReadPacket()
}

// loginFault tells an old client from one that sends nonsense.
func loginFault(payload []byte) error {
	const oldResponse = 2 // bytes of capabilities before protocol 4.1
	if len(payload) >= oldResponse && (uint32(payload[0])|uint32(payload[1])<<8)&mysql.CLIENT_PROTOCOL_41 == 0 {
		return fault.ProtocolTooOld.With("handshake response")
	}
	return fault.PacketMalformed.With("handshake response")
}

// acceptable refuses logins that the proxy must not carry on.
func (s *session) acceptable(r *packet.HandshakeResponse) error {
	switch {
	case s.srv.cfg.RequireTLS && !s.client.Secure():
		return fault.TLSRequired.With("login")
	case dangerousCollation(uint16(r.Collation)):
		return fault.DangerousCharset.With("collation %d in the handshake", r.Collation)
	case !s.mayCarry(string(r.AuthPlugin)):
		return fault.PasswordPath.With("plugin of the handshake")
	}
	return nil
}

// sendResponse logs in at the backend with the client's own login, over TLS when configured.
func (s *session) sendResponse(ctx context.Context, r *packet.HandshakeResponse) error {
	r.Capabilities, r.MariaDB, r.ZstdLevel = s.backCaps, 0, defaultZstdLevel
	if s.srv.cfg.BackendTLS != nil {
		if err := s.startBackendTLS(ctx, &r.SSLRequest); err != nil {
			return err
		}
	}
	return s.backend.WritePacket(r.Append(nil))
}

func (s *session) startBackendTLS(ctx context.Context, request *packet.SSLRequest) error {
	if s.greeting.Capabilities&mysql.CLIENT_SSL == 0 {
		return fault.BackendTLS.With("the server offers no TLS")
	}
	request.Capabilities |= mysql.CLIENT_SSL
	if err := s.backend.WritePacket(request.Append(nil)); err != nil {
		return err
	}
	if err := s.backend.StartTLS(ctx, tls.Client, s.srv.cfg.BackendTLS); err != nil {
		return fault.BackendTLS.With("%v", err)
	}
	return nil
}

// dangerousCollation reports a collation of big5, sjis, gbk, cp932 or gb18030: in these a byte of a character can be a
// quote or a backslash, so that a text reads differently from what its bytes say. MariaDB's "nopad" collations have the
// id of their twin and 1024.
func dangerousCollation(id uint16) bool {
	const nopad = 1024
	switch id &^ nopad {
	case 1, 84, // big5
		13, 88, // sjis
		28, 87, // gbk
		95, 96, // cp932
		248, 249, 250: // gb18030
		return true
	}
	return false
}
