package signalr

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
)

// A token is a secret. With several nodes, it begins with the name of the node that has issued it. Nodes only look that
// name up (Config.Forward), so a token cannot lead a node to an address that the client has chosen.

func (s *Server) newToken(stateful bool) string {
	secret := newSecret()
	if stateful {
		secret = statefulMark + secret
	}
	if s.cfg.Node == "" {
		return secret
	}
	return s.cfg.Node + "." + secret
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
	return node, isNode(node) && (len(secret) == secretLength || isStateful(token))
}

// isStateful reports whether a token is that of a connection that survives the cut of its socket. Its secret begins with
// statefulMark, so that every node knows where the socket belongs that shows it.
func isStateful(token string) bool {
	_, secret, named := strings.Cut(token, ".")
	if !named {
		secret = token
	}
	return len(secret) == len(statefulMark)+secretLength && strings.HasPrefix(secret, statefulMark)
}

const statefulMark = "s"

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
// request. WebSockets are opened on this node (see adopt and find) and are found here.
func (s *Server) forward(w http.ResponseWriter, r *http.Request, sender Identity) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodPost && r.Method != http.MethodDelete || isUpgrade(r) {
		return false
	}
	token := queryValue(r.URL.Query(), "id")
	node, foreign := s.foreign(token)
	if !foreign || s.registry.find(token, sender.Name) != nil {
		return false
	}
	s.serveThere(w, r, node)
	return true
}

// serveThere has another node answer, which identifies the sender again.
func (s *Server) serveThere(w http.ResponseWriter, r *http.Request, node string) {
	to := s.cfg.Forward(node)
	if to == nil {
		errNoConnection.write(w)
		return
	}
	to.ServeHTTP(w, withoutOrigin(r))
}

// withoutOrigin returns the request as another node gets it. This node has decided already whether pages of its origin may
// read the answer, and the other node must not decide it again.
func withoutOrigin(r *http.Request) *http.Request {
	out := *r
	out.Header = r.Header.Clone()
	out.Header.Del("Origin")
	return &out
}

// Elsewhere returns the hub's endpoint on a node that has no connections; of cfg it uses what concerns other nodes. Requests of a
// connection go to the node that its token names, but refreshes, and WebSockets that continue a connection, to the node that has
// the connection. All others, such as negotiations and WebSockets, go to next, which must find a node that has connections.
// Those nodes check the origins.
func Elsewhere(cfg Config, next http.Handler) http.Handler {
	cfg.knowNodes()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token := queryValue(r.URL.Query(), "id")
		if isRefresh(r) {
			token = refreshedToken(r)
		}
		node, named := nodeOf(token)
		switch {
		case !named || isUpgrade(r) && !isStateful(token) || r.Method == http.MethodOptions || isNegotiate(r):
			next.ServeHTTP(w, r)
			return
		case isRefresh(r), isUpgrade(r):
			place, err := cfg.placeOf(r, token)
			switch {
			case err != nil:
				unanswered(r).write(w)
				return
			case place.Node == "": // the next node says what is wrong
				next.ServeHTTP(w, r)
				return
			}
			node = place.Node
		}
		if to := cfg.Forward(node); to != nil {
			to.ServeHTTP(w, r)
			return
		}
		errNoConnection.write(w)
	})
}

// unanswered is the answer to a request whose connection a node may have that does not answer.
func unanswered(r *http.Request) *Refusal {
	if isRefresh(r) {
		return refusedRefresh(http.StatusServiceUnavailable, notAnsweredNow)
	}
	return errUnknownYet
}

// placeOf returns which node has the connection of a refresh or a WebSocket; the zero Place if none has it, or the request is
// neither.
func (c *Config) placeOf(r *http.Request, token string) (Place, error) {
	if r.Method != http.MethodPost && !isUpgrade(r) || c.Forwarded(r) {
		return Place{}, nil
	}
	return c.locate(r, token, false)
}
