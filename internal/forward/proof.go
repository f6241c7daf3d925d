package forward

import (
	"crypto/subtle"
	"net/http"
	"strings"

	"restante/internal/nodetls"
	"restante/internal/peer"
)

// proof returns the value of Header by which a node proves who it is: NODE.SECRET.
func proof(n peer.Node) string { return n.ID + "." + string(n.Secret) }

// FromPeer returns a function that reports whether a request was forwarded by a node that peers knows. It removes the headers
// that nodes use among each other from those of anyone else: Header would prevent the request from being forwarded.
func FromPeer(peers *peer.Table) func(r *http.Request) bool {
	return func(r *http.Request) bool {
		if proves(peers, r, r.Header.Values(Header)) {
			return true
		}
		r.Header.Del(Header)
		r.Header.Del(idHeader)
		return false
	}
}

// Forwarded reports whether another node has forwarded a request. The request must have passed FromPeer.
func Forwarded(r *http.Request) bool { return r.Header.Get(Header) != "" }

// Asks returns a function that reports whether a request is the question of a node that peers knows, see Forwarder.Ask. Requests
// that a node forwards for a client have another header, so that no client can ask by way of a node.
func Asks(peers *peer.Table) func(r *http.Request) bool {
	return func(r *http.Request) bool { return proves(peers, r, r.Header.Values(questionHeader)) }
}

// questionHeader has the proof of the node that asks a question.
const questionHeader = "Restante-Question"

// proves reports whether the values of a header are the proof of one known node. The proof of a node that has announced a key
// counts only over a connection with this key: nodes of versions before send their proofs, and those of others, without encryption.
func proves(peers *peer.Table, r *http.Request, said []string) bool {
	if len(said) != 1 {
		return false
	}
	id, _, _ := strings.Cut(said[0], ".")
	node, known := peers.Find(id)
	if !known || node.Secret == "" || subtle.ConstantTimeCompare([]byte(said[0]), []byte(proof(node))) != 1 {
		return false
	}
	key, between := nodetls.Key(r.Context(), r.TLS)
	if between {
		return key == node.Key
	}
	return peers.MayBePlain(id)
}

func scheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}
