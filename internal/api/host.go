package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"restante/internal/auth"
	"restante/internal/errs"
	"restante/internal/route"
)

// namesForeignHost reports whether a request names another host, on a server that only this machine can reach. An attacker
// can make the name of a foreign page resolve to this machine (DNS rebinding). A browser then takes the page for the
// server's own, and it could read and send everything.
func (a *API) namesForeignHost(rt *route.Route, r *http.Request) bool {
	if !a.cfg.ThisMachine || rt.IsProbe() { // probes may use any name, or none
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	_, err := netip.ParseAddr(strings.Trim(host, "[]"))
	name := strings.ToLower(host)
	return err != nil && name != "localhost" && !strings.HasSuffix(name, ".localhost")
}

var errForeignHost = &errs.Error{Code: errs.Forbidden, Msg: "this server answers under the names of its own machine only, such as localhost; " +
	"its operator can change that (--auth, --trusted-proxy)", Err: auth.Denial{Reason: "host"}}
