package forward

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"restante/internal/peer"
)

// proof returns the value of Header by which a node proves who it is: NODE.SECRET.
func proof(n peer.Node) string { return n.ID + "." + string(n.Secret) }

// FromPeer returns a function that reports whether a request was forwarded by a node that peers knows. It removes the headers
// that nodes use among each other from those of anyone else: Header would prevent the request from being forwarded.
func FromPeer(peers *peer.Table) func(r *http.Request) bool {
	return func(r *http.Request) bool {
		said := r.Header.Values(Header)
		if len(said) == 0 {
			r.Header.Del(idHeader)
			return false
		}
		id, _, _ := strings.Cut(said[0], ".")
		node, known := peers.Find(id)
		if known && node.Secret != "" && len(said) == 1 && subtle.ConstantTimeCompare([]byte(said[0]), []byte(proof(node))) == 1 {
			return true
		}
		r.Header.Del(Header)
		r.Header.Del(idHeader)
		return false
	}
}

func scheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}
