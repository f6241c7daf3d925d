package forward

import (
	"errors"
	"io"
	"net/http"
	"time"

	"restante/internal/peer"
)

const maxAnswer = 4 << 10 // bytes of the answer to a question

var errDrained = errors.New("the node is stopping")

// Ask sends a question to another node: the method, path and query of r and its Authorization, with the proof that this node
// sends it and without a body. It returns the status and the body, of up to 4 KiB. A node that has ended, or is not known, has
// answered 404. An error says that the node was not reached or has not answered completely. It blocks until the context of r is
// done at most, and may be called concurrently.
func (f *Forwarder) Ask(r *http.Request, node string) (status int, body []byte, err error) {
	outcome := unavailable
	defer func() { f.metrics.count(targetQuestion, outcome) }()
	if !f.calls.Begin() {
		return 0, nil, errDrained
	}
	defer f.calls.End()
	to, known := f.peers.Find(node)
	if !known || node == f.peers.Self().ID {
		outcome = ended
		return http.StatusNotFound, nil, nil
	}
	status, body, err = f.ask(r, to)
	switch {
	case err == nil:
		outcome = answered
	case r.Context().Err() != nil:
		outcome = aborted
	case f.lostNode(node)(err) == ended:
		outcome = ended
		return http.StatusNotFound, nil, nil
	}
	return status, body, err
}

func (f *Forwarder) ask(r *http.Request, to peer.Node) (status int, body []byte, err error) {
	where := *r.URL
	out := (&http.Request{Method: r.Method, URL: &where, Host: r.Host, Header: http.Header{
		questionHeader: {proof(f.peers.Self())}, "Authorization": r.Header["Authorization"],
	}}).WithContext(r.Context())
	resp, err := f.nodes.roundTrip(out, to)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, err
}

// Others returns the other living nodes with the role.
func (f *Forwarder) Others(role peer.Role) []string {
	var others []string
	for _, n := range f.peers.Alive(role, time.Now()) {
		if n.ID != f.peers.Self().ID {
			others = append(others, n.ID)
		}
	}
	return others
}
