package proxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/pires/go-proxyproto"

	"phiproxy/rewrite/fault"
)

// A load balancer in front of the proxy announces whom it speaks for by a PROXY protocol header, version 1 or 2, the first
// bytes of its connections (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). Since MySQL servers speak first,
// nobody could wait for a header that may or may not come: from the listed networks it must come, and from all
// others a header is what it looks like, a malformed login.

var errAnnouncement = errors.New("no PROXY protocol header")

// announces reports whether the peer at the address has to send a header.
func (srv *Server) announces(peer net.Addr) bool {
	tcp, ok := peer.(*net.TCPAddr)
	if !ok {
		return false
	}
	ip := tcp.AddrPort().Addr().Unmap()
	for _, network := range srv.cfg.Announcers {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

// readAnnouncement reads the header, and takes the client's address from it.
func (s *session) readAnnouncement() error {
	if !s.srv.announces(s.remote) {
		return nil
	}
	header, err := readHeader(s.sockets[0])
	if err != nil {
		return clientError(fault.PacketMalformed.With("PROXY protocol header"))
	}
	if header.Command.IsLocal() || header.SourceAddr == nil { // the balancer's own check, or a client that it does not know
		return nil
	}
	s.setRemote(header.SourceAddr)
	return nil
}

// readHeader reads a header and nothing behind it.
func readHeader(nc net.Conn) (*proxyproto.Header, error) {
	raw, err := headerBytes(nc)
	if err != nil {
		return nil, err
	}
	return proxyproto.Read(bufio.NewReader(bytes.NewReader(raw)))
}

const (
	headerStart  = 16  // of version 2; what ends with the length of the rest
	lengthAt     = 14  // of version 2
	maxV1Header  = 107 // with its line end
	maxV2Rest    = 4096
	v1HeaderEnds = '\n'
)

// headerBytes reads byte by byte where it is not known how many follow: what is behind a header belongs to the session.
func headerBytes(nc net.Conn) ([]byte, error) {
	b := make([]byte, 0, headerStart)
	for len(b) < maxV1Header {
		if b = append(b, 0); !filled(nc, b[len(b)-1:]) {
			return nil, errAnnouncement
		}
		switch {
		case b[0] == proxyproto.SIGV1[0] && b[len(b)-1] == v1HeaderEnds:
			return b, nil
		case b[0] == proxyproto.SIGV2[0] && len(b) == headerStart:
			return headerRest(nc, b)
		case b[0] != proxyproto.SIGV1[0] && b[0] != proxyproto.SIGV2[0]:
			return nil, errAnnouncement
		}
	}
	return nil, errAnnouncement
}

func filled(nc net.Conn, b []byte) bool {
	_, err := io.ReadFull(nc, b)
	return err == nil
}

func headerRest(nc net.Conn, b []byte) ([]byte, error) {
	n := int(binary.BigEndian.Uint16(b[lengthAt:]))
	if n > maxV2Rest {
		return nil, errAnnouncement
	}
	rest := make([]byte, n)
	if !filled(nc, rest) {
		return nil, errAnnouncement
	}
	return append(b, rest...), nil
}

// setRemote takes an address for the client's own, for the logs and the list of sessions.
func (s *session) setRemote(client net.Addr) {
	s.remote = client
	s.view.mu.Lock()
	defer s.view.mu.Unlock()
	s.view.client = clientName(client)
}

// clientName is an address as an administrator reads it. Those of local sockets have no name.
func clientName(addr net.Addr) string {
	if addr.Network() == "unix" {
		return "unix socket"
	}
	return addr.String()
}

// announce tells the server for whom the connection is.
func (s *session) announce(nc net.Conn) error {
	if s.srv.cfg.Announce == 0 {
		return nil
	}
	_, err := proxyproto.HeaderProxyFromAddrs(s.srv.cfg.Announce, s.remote, s.sockets[0].LocalAddr()).WriteTo(nc)
	return err
}
