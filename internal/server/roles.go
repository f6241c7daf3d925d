package server

import (
	"net/http"
	"strings"

	"restante/internal/forward"
	"restante/internal/peer"
	"restante/internal/signalr"
)

// byRole answers what the node's roles cover and passes on the rest, so that any node can be asked for anything.
func byRole(self peer.Node, local http.Handler, forward func(role peer.Role) http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if role, any := roleOf(r.URL.Path); !any && !self.Has(role) {
			forward(role).ServeHTTP(w, r)
			return
		}
		local.ServeHTTP(w, r)
	})
}

// elsewhere returns what finds another node for a request: of those with the role, the one that has the connection which
// the request names, or any.
func elsewhere(forwarder *forward.Forwarder) func(role peer.Role) http.Handler {
	return func(role peer.Role) http.Handler {
		if role == peer.Hub {
			return signalr.Elsewhere(forwarder.ToNode, forwarder.ToRole(role))
		}
		return forwarder.ToRole(role)
	}
}

// roleOf returns the role that a request needs; any says that every node answers it for itself.
func roleOf(path string) (role peer.Role, any bool) {
	switch path {
	case "/healthz", "/readyz", "/metrics", "/version":
		return "", true
	}
	stream := strings.HasPrefix(path, "/rooms/") && strings.HasSuffix(path, "/events")
	if stream || isHub(path) {
		return peer.Hub, false
	}
	return peer.API, false
}

const hubPath = "/messageHub"

func isHub(path string) bool { return path == hubPath || strings.HasPrefix(path, hubPath+"/") }

// joined writes roles as --roles takes them.
func joined(roles []peer.Role) string {
	names := make([]string, len(roles))
	for i, role := range roles {
		names[i] = string(role)
	}
	return strings.Join(names, ",")
}
