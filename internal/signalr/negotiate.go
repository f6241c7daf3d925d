package signalr

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// negotiation is the answer to negotiate.
type negotiation struct {
	Version    int             `json:"negotiateVersion"`
	ID         string          `json:"connectionId"`
	Token      string          `json:"connectionToken,omitempty"`
	Stateful   bool            `json:"useStatefulReconnect,omitempty"`
	Transports []transportInfo `json:"availableTransports"`
	lifetime
}

type transportInfo struct {
	Transport string   `json:"transport"`
	Formats   []string `json:"transferFormats"`
}

// serveNegotiate issues a token, which opens one connection of the same client. An error of the negotiation is answered
// with status 200, because clients show no other answer.
func (s *Server) serveNegotiate(w http.ResponseWriter, r *http.Request, sender Identity) {
	if r.Method != http.MethodPost {
		notAllowed(w, "POST, OPTIONS", "Method not allowed")
		return
	}
	version := 0
	if v := queryValue(r.URL.Query(), "negotiateVersion"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil {
			writeJSON(w, map[string]string{"error": "The client requested a non-integer protocol version."})
			return
		}
		version = max(0, min(n, 1))
	}
	stateful := s.cfg.ReconnectWindow > 0 && strings.EqualFold(queryValue(r.URL.Query(), "useStatefulReconnect"), "true")
	token := s.newToken(stateful)
	if refused := s.registry.reserve(s, token, sender.Name); refused != nil {
		refused.write(w)
		return
	}
	answer := negotiation{Version: version, ID: publicID(token), Token: token, Transports: []transportInfo{
		{WebSockets.String(), []string{"Text", "Binary"}},
		{ServerSentEvents.String(), []string{"Text"}},
		{LongPolling.String(), []string{"Text", "Binary"}},
	}}
	answer.Stateful = stateful
	answer.lifetime = s.lifetimeOf(sender.Expires)
	if version == 0 { // such a client knows one id, which must be the secret
		answer.ID, answer.Token = token, ""
	}
	writeJSON(w, answer)
}

func writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil { // cannot happen: the types are ours
		http.Error(w, "Internal server error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // a client that has disconnected needs no answer
}

// newSecret returns 128 random bits that need no escaping in a URL.
func newSecret() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

const secretLength = 22 // of 128 bits in base64

// newConn returns a connection that a request is opening; token is empty if it was not negotiated.
func (s *Server) newConn(token string, sender Identity, t Transport) *Conn {
	c := &Conn{server: s, token: token, owner: sender.Name, issued: sender.Issued, expires: sender.Expires, transport: t, openedAt: s.now(), accepted: make(chan struct{})}
	if token == "" {
		c.id = newSecret()
	} else {
		c.id = publicID(token)
	}
	return c
}
