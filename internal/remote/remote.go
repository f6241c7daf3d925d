// Package remote is where a request really comes from: the address of the client, which a proxy in between names in
// X-Forwarded-For, and the scheme that the client has used. What a header says of these is believed only of proxies that
// the operator trusts, and of nodes that have passed the request on; anybody else could say anything.
package remote

import (
	"context"
	"net/http"
	"net/netip"
)

// Config configures a Resolver. The zero value believes nobody.
type Config struct {
	Trusted []netip.Prefix             // networks of the proxies in front of this server
	Peer    func(r *http.Request) bool // whether another node has passed the request on; default: never
}

// Wrap gives every request its origin before next sees it: From returns it, RemoteAddr is the client's, and headers
// X-Forwarded-… and Forwarded that nobody trusted has set are gone.
func Wrap(_ Config, next http.Handler) http.Handler { return next }

// Origin is where a request comes from.
type Origin struct {
	Addr   netip.Addr // the client's; IPv4 is never mapped into IPv6
	Secure bool       // the client has used https
	Known  bool       // Secure is what this server, or a trusted proxy, has seen: not a guess
}

// From returns the origin of a request that Wrap has seen.
func From(_ context.Context) Origin { return Origin{} }
