package signalr

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"restante/internal/memory"
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
	version, problem := negotiateVersion(r.URL.Query())
	if problem != "" {
		writeJSON(w, map[string]string{"error": problem})
		return
	}
	stateful := s.cfg.ReconnectWindow > 0 && strings.EqualFold(queryValue(r.URL.Query(), "useStatefulReconnect"), "true")
	token := s.newToken(stateful)
	if refused := s.registry.reserve(s, token, sender); refused != nil {
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

// negotiateVersion returns the version of the negotiation that a client gets, or the error text to answer. It reads the parameter
// as ASP.NET does: without regard to the case of its name, and several values as one with commas.
func negotiateVersion(query url.Values) (version int, problem string) {
	var values []string
	found := false
	for name, given := range query {
		if strings.EqualFold(name, "negotiateVersion") {
			found = true
			values = append(values, slices.DeleteFunc(given, func(v string) bool { return v == "" })...)
		}
	}
	if !found {
		return 0, ""
	}
	n, err := strconv.ParseInt(strings.Trim(strings.Join(values, ","), " \t\n\v\f\r"), 10, 32)
	switch {
	case err != nil:
		return 0, "The client requested a non-integer protocol version."
	case n < 0:
		return 0, fmt.Sprintf("The client requested version '%d', but the server does not support this version.", n)
	}
	return min(int(n), 1), ""
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

// priceOfConn is about what a connection takes, besides that of its transport and the bytes that wait, in bytes.
const priceOfConn = 4 << 10

// newConn returns a connection that a request is opening; token is empty if it was not negotiated. It is refused if there is no
// space for it.
func (s *Server) newConn(token string, sender Identity, t Transport) (*Conn, *Refusal) {
	held := s.cfg.Memory.Hold(memory.Connection, sender.Owner)
	if held.Grow(priceOfConn) != nil {
		return nil, errNoMemory
	}
	c := &Conn{server: s, token: token, owner: sender.Name, held: held, issued: sender.Issued, expires: sender.Expires, transport: t, openedAt: s.now(), accepted: make(chan struct{})}
	if token == "" {
		c.id = newSecret()
	} else {
		c.id = publicID(token)
	}
	return c, nil
}
