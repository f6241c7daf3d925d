package forward

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"restante/internal/peer"
)

// proof is what a node says of itself in Header: NODE.SECRET.
func proof(n peer.Node) string { return n.ID + "." + string(n.Secret) }

// FromPeer returns what reports whether a request was passed on by another node that peers knows. What somebody else has
// put into Header is removed: it would keep the request from being passed on.
func FromPeer(peers *peer.Table) func(r *http.Request) bool {
	return func(r *http.Request) bool {
		said := r.Header.Values(Header)
		if len(said) == 0 {
			return false
		}
		id, _, _ := strings.Cut(said[0], ".")
		node, known := peers.Find(id)
		if known && node.Secret != "" && len(said) == 1 && subtle.ConstantTimeCompare([]byte(said[0]), []byte(proof(node))) == 1 {
			return true
		}
		r.Header.Del(Header)
		return false
	}
}

func scheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}
