package keys

import (
	"context"
	"net/netip"
)

// Actor is who caused a key operation, for the audit trail.
type Actor struct {
	PerformedBy string // MySQL user of the session, or the administrator; "" means the proxy itself
	IPAddress   string // client's address, with or without port; "" when there is none
	Principal   string // token or certificate that the admin port authenticated; "" when it was not the admin port
}

// ownActor performs what no client asked for: warming, refreshing.
const ownActor = "phiproxy"

type actorKey struct{}

// WithActor attaches the actor to the context of key operations.
func WithActor(ctx context.Context, a Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, a)
}

// actorOf returns the context's actor, in the form the audit table can hold: performed_by VARCHAR(100), ip_address
// VARCHAR(45). The principal goes into the details.
func actorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	if a.PerformedBy == "" {
		a.PerformedBy = ownActor
	}
	a.PerformedBy = firstRunes(a.PerformedBy, 100)
	a.Principal = firstRunes(a.Principal, 200)
	a.IPAddress = bareAddress(a.IPAddress)
	return a
}

// bareAddress strips port and zone; what is not an address becomes "".
func bareAddress(s string) string {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("").String()
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return ""
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
