package signalr

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Place says which other node has the connection of a token.
type Place struct {
	Node   string `json:"-"`
	Open   bool   `json:"open,omitempty"`   // the token has opened a connection there
	Unused bool   `json:"unused,omitempty"` // the node has issued the token, and it has opened nothing yet
	Taken  bool   `json:"taken,omitempty"`  // the token was unused there, and now belongs to the node that asks
}

// The paths below the hub's where nodes ask each other about the token in the query. They are POST requests, because a node of a
// version that does not know them takes those for empty messages.
const (
	whereIs  = "/whereis"  // answered with a Place
	takeOver = "/takeover" // the same, but an unused token of the sender is taken, once
)

// locateTimeout is how long the other nodes have to answer. locateFirst is how long the node that the token names has before the
// others are asked, too.
const (
	locateTimeout = 2 * time.Second
	locateFirst   = 250 * time.Millisecond
)

// errUnanswered says that a node that may have a connection has not answered.
var errUnanswered = errors.New("a node has not answered")

// IsQuestion reports whether a request is for one of the paths where nodes ask each other. They are no client's requests if
// another node has sent them; see Config.Asked.
func IsQuestion(r *http.Request) bool { return isBelow(r, whereIs) || isBelow(r, takeOver) }

// answerNode answers the question of another node about the token in the query, and reports whether it has. A client that asks
// learns nothing.
func (s *Server) answerNode(w http.ResponseWriter, r *http.Request, sender Identity) bool {
	if !IsQuestion(r) {
		return false
	}
	if r.Method != http.MethodPost || !s.cfg.Asked(r) {
		errNoConnection.write(w)
		return true
	}
	token := queryValue(r.URL.Query(), "id")
	place := Place{Open: s.registry.opened(token) != nil}
	if !place.Open && isBelow(r, takeOver) {
		place.Taken = s.registry.take(token, sender.Name)
	} else if !place.Open {
		place.Unused = s.registry.waits(token)
	}
	writeJSON(w, place)
	return true
}

// locate asks the other nodes which of them has the connection of a token, with the credentials of the client's request. With take
// it takes over an unused token, so that this node may open its connection: one node gets it, once. It returns the zero Place
// if no node has it, and errUnanswered if one that may have it does not answer. A request that another node has forwarded asks
// nobody. It blocks for locateTimeout at most.
func (s *Server) locate(r *http.Request, token string, take bool) (Place, error) {
	if s.cfg.Forwarded(r) {
		return Place{}, nil
	}
	return s.cfg.locate(r, token, take)
}

func (c *Config) locate(r *http.Request, token string, take bool) (found Place, err error) {
	issuer, named := nodeOf(token)
	if !named {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(r.Context(), locateTimeout)
	others := slices.DeleteFunc(c.Others(), func(node string) bool { return node == issuer })
	q := question{ask: c.Ask, request: asQuestion(r.WithContext(ctx), token, take), answers: make(chan nodeAnswer, 1+len(others))}
	defer q.running.Wait()
	defer cancel()
	if issuer != c.Node {
		q.send(issuer)
	}
	first := time.NewTimer(locateFirst)
	defer first.Stop()
	for q.open > 0 || len(others) > 0 {
		if q.open == 0 {
			q.send(others...)
			others = nil
			continue
		}
		select {
		case <-first.C:
			q.send(others...)
			others = nil
		case a := <-q.answers:
			q.open--
			switch {
			case a.err != nil:
				err = errUnanswered
			case a.place.Open, a.place.Taken:
				return a.place, nil
			case a.place.Unused:
				found = a.place
			}
		}
	}
	return found, err
}

// question is one that is put to several nodes.
type question struct {
	ask     func(r *http.Request, node string) (status int, body []byte, err error)
	request *http.Request
	answers chan nodeAnswer // has space for every answer
	open    int             // answers that have not come yet
	running sync.WaitGroup
}

type nodeAnswer struct {
	place Place
	err   error
}

// send asks nodes at once.
func (q *question) send(nodes ...string) {
	for _, node := range nodes {
		q.open++
		q.running.Go(func() {
			status, body, err := q.ask(q.request, node)
			var place Place
			if err == nil && status == http.StatusOK && json.Unmarshal(body, &place) != nil {
				place = Place{} // a node of a version that does not know the question
			}
			place.Node = node
			q.answers <- nodeAnswer{place, err}
		})
	}
}

// asQuestion returns the request that is sent to other nodes: the client's, but for its path, body and page. Its query names the
// token.
func asQuestion(r *http.Request, token string, take bool) *http.Request {
	out := withoutOrigin(r)
	name := whereIs
	if take {
		name = takeOver
	}
	where := *r.URL
	path := strings.TrimSuffix(where.Path, "/")
	if isRefresh(r) {
		path = path[:len(path)-len("/refresh")]
	}
	query := where.Query()
	maps.DeleteFunc(query, func(name string, _ []string) bool { return strings.EqualFold(name, "id") })
	query.Set("id", token)
	where.Path, where.RawPath, where.RawQuery = path+name, "", query.Encode()
	out.Method, out.URL, out.Body, out.ContentLength, out.TransferEncoding = http.MethodPost, &where, http.NoBody, 0, nil
	return out
}
