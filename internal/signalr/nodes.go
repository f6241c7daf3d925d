package signalr

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// A token is a secret. With several nodes, it begins with the name of the node that has issued it. Nodes only look that
// name up (Config.Forward), so a token cannot lead a node to an address that the client has chosen.

func (s *Server) newToken() string {
	if s.cfg.Node == "" {
		return newSecret()
	}
	return s.cfg.Node + "." + newSecret()
}

// publicID returns the name of the connection that a token opens. Every node computes the same name, so the id that the
// client has is the one in the logs of every node. The token cannot be computed from it.
func publicID(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// nodeOf returns the node that a token names; ok is false for tokens without one.
func nodeOf(token string) (node string, ok bool) {
	node, secret, _ := strings.Cut(token, ".")
	return node, isNode(node) && len(secret) == secretLength
}

// isNode reports whether a name can be that of a node.
func isNode(name string) bool {
	return name != "" && len(name) <= maxNode && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

const maxNode = 64 // bytes of a node's name

// foreign returns the other node that a token names.
func (s *Server) foreign(token string) (node string, ok bool) {
	node, ok = nodeOf(token)
	return node, ok && s.cfg.Node != "" && node != s.cfg.Node
}

// forward forwards a request whose connection is on another node to that node, and reports whether it has answered the
// request. WebSockets are opened on this node (see adopt) and are found here. The other node identifies the sender again.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, sender Identity) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodDelete || isUpgrade(r) {
		return false
	}
	token := queryValue(r.URL.Query(), "id")
	node, foreign := s.foreign(token)
	if !foreign || s.registry.find(token, sender.Name) != nil {
		return false
	}
	var to http.Handler
	if s.cfg.Forward != nil {
		to = s.cfg.Forward(node)
	}
	if to == nil {
		errNoConnection.write(w)
		return true
	}
	to.ServeHTTP(w, withoutOrigin(r))
	return true
}

// withoutOrigin returns the request as another node gets it. This node has decided already whether pages of its origin may
// read the answer, and the other node must not decide it again.
func withoutOrigin(r *http.Request) *http.Request {
	out := *r
	out.Header = r.Header.Clone()
	out.Header.Del("Origin")
	return &out
}

// Elsewhere returns the hub's endpoint on a node that has no connections. Requests of a connection go to the node that its
// token names, through forward, which returns nil for a node that it does not know. All others, such as negotiations and
// WebSockets, go to next, which must find a node that has connections. Those nodes check the origins.
func Elsewhere(forward func(node string) http.Handler, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = plainUpgrade(r)
		node, named := nodeOf(queryValue(r.URL.Query(), "id"))
		if !named || isUpgrade(r) || r.Method == http.MethodOptions || isNegotiate(r) {
			next.ServeHTTP(w, r)
			return
		}
		if to := forward(node); to != nil {
			to.ServeHTTP(w, r)
			return
		}
		errNoConnection.write(w)
	})
}
