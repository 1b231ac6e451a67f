package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/config"
	"phiproxy/proxy/packet"
	"phiproxy/proxy/wire"
)

// soon is how long before its end a certificate or token is worth a warning.
const soon = 30 * 24 * time.Hour

// clientLeg looks at what clients are offered.
func (d *doctor) clientLeg(context.Context) {
	const check = "client TLS"
	l := d.cfg.Listen
	switch {
	case !l.TLS.Enabled() && isLocal(l.Address):
		d.ok(check, "none, on %s", l.Address)
	case !l.TLS.Enabled():
		d.warn(check, "protected values cross the network readable", "set listen.tls.cert and listen.tls.key, and listen.tls.require")
	case l.TLS.SelfSigned:
		d.warn(check, "the certificate is made anew at each start, so clients cannot verify whom they talk to", "set listen.tls.cert and listen.tls.key instead of self_signed")
	default:
		d.certificate(check, l.TLS)
	}
}

func (d *doctor) certificate(check string, c config.ListenTLS) {
	pair, err := ownCertificate(c)
	if err == nil {
		pair.Leaf, err = x509.ParseCertificate(pair.Certificate[0])
	}
	if err != nil {
		d.fail(check, err.Error(), "listen.tls.cert and listen.tls.key must be PEM files of one certificate and its key")
		return
	}
	end := pair.Leaf.NotAfter
	text := fmt.Sprintf("certificate of %s, valid until %s", pair.Leaf.Subject, end.UTC().Format(time.DateOnly))
	switch left := end.Sub(d.now()); {
	case left < 0:
		d.fail(check, text+": it has expired", "renew it and restart the proxy")
	case left < soon:
		d.warn(check, text, "renew it and restart the proxy")
	case !c.Require:
		d.warn(check, text+"; clients may still connect without TLS", "set listen.tls.require once all clients use TLS")
	default:
		d.ok(check, "%s", text)
	}
}

// isLocal reports an address that is not reached over a network.
func isLocal(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return config.UnixSocket(address)
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// backendLeg connects to the backend as a session would, up to TLS; nobody logs in.
func (d *doctor) backendLeg(ctx context.Context) {
	const check = "backend TLS"
	b := d.cfg.Backend
	if b.TLS.Mode == config.TLSDisable {
		if isLocal(b.Address) {
			d.ok(check, "none, to %s", b.Address)
		} else {
			d.warn(check, "passwords and statements cross the network readable to "+b.Address, "set backend.tls.mode to verify")
		}
		return
	}
	state, err := backendHandshake(ctx, b)
	switch {
	case errors.Is(err, errNoServerTLS):
		d.fail(check, err.Error(), "give the server a certificate (ssl_cert, ssl_key), or set backend.tls.mode to disable where the network is trusted")
	case err != nil:
		d.fail(check, err.Error(), "backend.tls.ca must name the authority that signed the server's certificate, backend.tls.server_name the name in it")
	case b.TLS.Mode == config.TLSRequire:
		d.warn(check, tls.VersionName(state.Version)+", but the server's certificate is not verified", "set backend.tls.mode to verify and backend.tls.ca")
	default:
		d.ok(check, "%s, certificate verified, valid until %s", tls.VersionName(state.Version), state.PeerCertificates[0].NotAfter.UTC().Format(time.DateOnly))
	}
}

var errNoServerTLS = errors.New("the server offers no TLS")

// greetingLimit is more than any server's first packet.
const greetingLimit = 4096

// backendHandshake reads the server's greeting and starts TLS.
func backendHandshake(ctx context.Context, b config.Backend) (tls.ConnectionState, error) {
	secure, err := backendTLS(b)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	nc, err := (&net.Dialer{Timeout: b.ConnectTimeout.Std()}).DialContext(ctx, b.Network(), b.Address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer nc.Close()
	if deadline, ok := ctx.Deadline(); ok {
		_ = nc.SetDeadline(deadline) // a connection that cannot have one fails at the next step
	}
	if err := askForTLS(wire.New(nc, "backend", greetingLimit)); err != nil {
		return tls.ConnectionState{}, err
	}
	conn := tls.Client(nc, secure)
	err = conn.HandshakeContext(ctx)
	return conn.ConnectionState(), err
}

// askForTLS reads the greeting and answers it with an SSLRequest. The server sends nothing more before the handshake.
func askForTLS(conn *wire.Conn) error {
	payload, err := conn.ReadPacket()
	if err != nil {
		return err
	}
	var greeting packet.Greeting
	if err := greeting.Decode(payload); err != nil {
		return err
	}
	if greeting.Capabilities&mysql.CLIENT_SSL == 0 {
		return errNoServerTLS
	}
	request := packet.SSLRequest{
		Capabilities:  mysql.CLIENT_PROTOCOL_41 | mysql.CLIENT_SECURE_CONNECTION | mysql.CLIENT_SSL | mysql.CLIENT_LONG_PASSWORD,
		MaxPacketSize: greetingLimit, Collation: greeting.Collation,
	}
	if err := conn.WritePacket(request.Append(nil)); err != nil {
		return err
	}
	return conn.Flush()
}
