// Package remote is where a request really comes from: the address of the client, which a proxy in between names in
// X-Forwarded-For, and the scheme that the client has used. What a header says of these is believed only of proxies that
// the operator trusts, and of nodes that have passed the request on; anybody else could say anything.
package remote

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
)

// Config configures Wrap. The zero value believes nobody.
type Config struct {
	Trusted []netip.Prefix             // networks of the proxies in front of this server
	Peer    func(r *http.Request) bool // whether another node has passed the request on; default: never
}

// Origin is where a request comes from.
type Origin struct {
	Addr   netip.Addr // the client's; IPv4 is never mapped into IPv6, and there is no zone
	Secure bool       // the client has used https
	Known  bool       // Secure is what this server, or a trusted proxy, has seen: not a guess
}

type contextKey struct{}

// From returns the origin of a request that Wrap has seen, otherwise the zero Origin.
func From(ctx context.Context) Origin {
	origin, _ := ctx.Value(contextKey{}).(Origin)
	return origin
}

// claims are the headers in which proxies say where a request comes from; the first two are understood.
var claims = []string{forwardedFor, forwardedProto, "Forwarded", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-Ip"}

const (
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"
)

// Wrap gives every request its origin before next sees it: From returns it, and RemoteAddr is the client's. Headers in
// which somebody who is not trusted says where it comes from are gone.
func Wrap(cfg Config, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		neighbour := addrOf(r.RemoteAddr)
		origin := Origin{Addr: neighbour, Secure: r.TLS != nil, Known: r.TLS != nil}
		fromPeer := cfg.Peer != nil && cfg.Peer(r) // asked of every request: a proxy may let through what a client claims
		if fromPeer || cfg.trusts(neighbour) {
			origin = cfg.believe(r.Header, origin)
		} else {
			for _, name := range claims {
				delete(r.Header, name)
			}
		}
		r = r.WithContext(context.WithValue(r.Context(), contextKey{}, origin))
		if origin.Addr != neighbour {
			r.RemoteAddr = netip.AddrPortFrom(origin.Addr, 0).String()
		}
		next.ServeHTTP(w, r)
	})
}

// believe returns what a trusted neighbour says of a request's origin. Each proxy adds behind the others the address that
// it was asked from, so that the client is the last one that is no proxy: what stands before it, the client may have made
// up. A text that is no address ends the search, too: what is known then is who has passed it on.
func (c Config) believe(h http.Header, origin Origin) Origin {
	chain := strings.Split(strings.Join(h[forwardedFor], ","), ",")
	for i := len(chain) - 1; i >= 0; i-- {
		addr := addrOf(strings.TrimSpace(chain[i]))
		if !addr.IsValid() {
			break
		}
		origin.Addr = addr
		if !c.trusts(addr) {
			break
		}
	}
	if said := h[forwardedProto]; len(said) > 0 {
		proto := strings.TrimSpace(said[len(said)-1])
		if i := strings.LastIndexByte(proto, ','); i >= 0 {
			proto = strings.TrimSpace(proto[i+1:])
		}
		origin.Secure, origin.Known = strings.EqualFold(proto, "https"), true
	}
	return origin
}

func (c Config) trusts(addr netip.Addr) bool {
	for _, network := range c.Trusted {
		if network.Contains(addr) {
			return true
		}
	}
	return false
}

// addrOf reads an address with or without a port, as net/http and proxies write them; the zero Addr is none.
func addrOf(text string) netip.Addr {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		both, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}
		}
		addr = both.Addr()
	}
	return addr.Unmap().WithZone("")
}
