package server

import (
	"net/http"
	"strings"

	"restante/internal/forward"
	"restante/internal/peer"
	"restante/internal/route"
	"restante/internal/signalr"
)

// byRole answers requests whose route the node's roles cover and forwards the others, so that clients may send any request
// to any node.
func byRole(self peer.Node, local http.Handler, forward func(role peer.Role) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if role := route.Of(r).Role(); role != "" && !self.Has(role) {
			forward(role).ServeHTTP(w, r)
			return
		}
		local.ServeHTTP(w, r)
	})
}

// elsewhere returns the handler that forwards requests which need a role to other nodes: to the node that has the connection which
// the request names, or else to any node with the role.
func (s *Server) elsewhere(role peer.Role) http.Handler {
	if role == peer.Hub {
		return signalr.Elsewhere(s.withNodes(signalr.Config{}), s.forwarder.ToRole(role))
	}
	return s.forwarder.ToRole(role)
}

// withNodes returns the hub's configuration with what it needs of other nodes.
func (s *Server) withNodes(cfg signalr.Config) signalr.Config {
	cfg.Forward, cfg.Ask = s.forwarder.ToNode, s.forwarder.Ask
	cfg.Forwarded, cfg.Asked = forward.Forwarded, s.access.asked
	cfg.Others = func() []string { return s.forwarder.Others(peer.Hub) }
	return cfg
}

// joined writes roles as --roles takes them.
func joined(roles []peer.Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	return strings.Join(names, ",")
}
