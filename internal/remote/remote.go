// Package remote finds out where a request really comes from: the address of the client, which a proxy in between writes into
// X-Forwarded-For, the scheme that the client has used, and the trace that the request belongs to. Such headers count only from proxies that the operator trusts
// and from nodes that have forwarded the request: any other client could write anything into them.
package remote

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
)

// Config configures Wrap. The zero value trusts no header.
type Config struct {
	Trusted []netip.Prefix             // networks of the proxies in front of this server
	Peer    func(r *http.Request) bool // whether another node has forwarded the request; default: never
}

// Origin is where a request comes from.
type Origin struct {
	Addr   netip.Addr // the client's; IPv4 is never mapped into IPv6, and there is no zone
	Secure bool       // the client has used https
	Known  bool       // this server or a trusted proxy has seen the scheme: Secure is not a guess
}

type contextKey struct{}

// From returns the origin of a request that Wrap has seen, otherwise the zero Origin.
func From(ctx context.Context) Origin {
	origin, _ := ctx.Value(contextKey{}).(Origin)
	return origin
}

// claims are the headers in which proxies write where a request comes from, of which only the first two are read, and those in which
// they write to which trace it belongs (W3C Trace Context and Baggage): the one that sets those decides what is recorded.
var claims = []string{
	forwardedFor, forwardedProto, "Forwarded", "X-Forwarded-Host", "X-Forwarded-Port", "X-Real-Ip",
	"Traceparent", "Tracestate", "Baggage",
}

const (
	forwardedFor   = "X-Forwarded-For"
	forwardedProto = "X-Forwarded-Proto"
)

// Wrap gives every request its origin before it calls next: From returns the origin, and RemoteAddr is the client's. Wrap
// removes the headers of claims unless a trusted neighbour has sent them.
func Wrap(cfg Config, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		neighbour := addrOf(r.RemoteAddr)
		origin := Origin{Addr: neighbour, Secure: r.TLS != nil, Known: r.TLS != nil}
		fromPeer := cfg.Peer != nil && cfg.Peer(r) // checked for every request: a proxy may not remove what a client has written
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

// believe returns the origin of a request from the headers of a trusted neighbour. Each proxy appends the address from which
// it got the request. So the client's address is the last one that is not a trusted proxy's: the client may have invented
// those before it. A text that is no address ends the search; the origin is then the proxy that has forwarded it.
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
	if values := h[forwardedProto]; len(values) > 0 {
		proto := strings.TrimSpace(values[len(values)-1])
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

// addrOf reads an address with or without a port, as net/http and proxies write them. It returns the zero Addr for any other
// text.
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

// Network returns the address that stands for all the addresses of one client: addr itself for IPv4, the first address of its network of
// 64 bits for IPv6, since one client usually has all of that network. addr is that of an Origin, or the zero Addr, which is returned.
func Network(addr netip.Addr) netip.Addr {
	if !addr.Is6() {
		return addr
	}
	return netip.PrefixFrom(addr, 64).Masked().Addr()
}
