package api

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"restante/internal/errs"
)

// namesForeignHost reports whether a request for a server of this machine alone names another one. A page from elsewhere whose
// name was made to lead here (DNS rebinding) is of the same origin to a browser, and could read and send everything.
func (a *API) namesForeignHost(r *http.Request) bool {
	if !a.cfg.ThisMachine || a.routes.isProbe(r.URL.Path) { // probes come under any name, or none
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
	"whoever operates it can change that (--auth, --trusted-proxy)"}
