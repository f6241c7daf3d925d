package forward

import (
	"bytes"
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
	"restante/internal/memory"
	"restante/internal/peer"
	"restante/internal/route"
)

// idHeader is the id that a message gets whose sender has named none. So the node that forwards the message can tell its sender
// the id, even if the other node does not answer.
const idHeader = "Restante-Message-Id"

// maxKept is how much of a body is kept to find the id in it. It is the longest body that the API takes.
const maxKept = 256 << 10

const (
	freeKept = 8 << 10 // bytes of a body that cost nothing
	copies   = 2       // of a body at a time, while its buffer grows
)

// message is what this node knows of a message that it forwards. A nil message is another request.
type message struct {
	r        *http.Request
	proposed string                  // the id that the message gets if it names none
	cancel   context.CancelCauseFunc // of the request

	mu    sync.Mutex      // the transport may still read the body when the request has failed
	body  bytes.Buffer    // what was sent of the body, up to maxKept bytes
	held  *memory.Holding // of it
	timer *time.Timer     // since the whole request was sent, otherwise nil
}

// messageOf returns the message that a request sends, nil if it sends none.
func messageOf(r *http.Request) *message {
	if rt := route.Of(r); r.Method != http.MethodPost || rt != route.PostMessage && rt != route.SendToRoom {
		return nil
	}
	return &message{r: r, proposed: uuid.Must(uuid.NewV7()).String()}
}

// limit returns a context for the request, which sent limits. The caller calls end when the request has been answered.
func (m *message) limit(ctx context.Context) context.Context {
	ctx, m.cancel = context.WithCancelCause(ctx)
	return ctx
}

// sent notes that the whole request was sent. Its answer must begin within a time limit.
func (m *message) sent(limit time.Duration) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timer == nil {
		m.timer = time.AfterFunc(limit, func() { m.cancel(errNoAnswer) })
	}
}

func (m *message) end() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.timer != nil {
		m.timer.Stop()
	}
	m.held.Release()
	m.cancel(nil)
}

// keep keeps a piece of the body. It returns memory.ErrRefused when there is no memory for it.
func (m *message) keep(p []byte) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	size := m.body.Len() + len(p)
	if size > maxKept {
		return nil
	}
	if need := copies*(size-freeKept) - m.held.Size(); need > 0 {
		if err := m.held.Grow(max(need, freeKept)); err != nil {
			return err
		}
	}
	m.body.Write(p)
	return nil
}

// id returns the id of a message that node to may have accepted, "" if it is not known. A node of another release may not take the
// proposed one.
func (m *message) id(self, to peer.Node) string {
	if named := m.named(); named != "" {
		return named
	}
	if to.Release != self.Release {
		return ""
	}
	return m.proposed
}

// named returns the id that the request names in its query or its body, "" if it names no valid one.
func (m *message) named() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	id := m.r.URL.Query().Get("id")
	body := bytes.TrimPrefix(m.body.Bytes(), []byte("\xef\xbb\xbf"))
	switch mediaType, _, _ := mime.ParseMediaType(m.r.Header.Get("Content-Type")); {
	case id != "":
	case mediaType == "application/x-www-form-urlencoded" && !bytes.HasPrefix(body, []byte("{")):
		fields, _ := url.ParseQuery(string(body)) // without malformed parts; the other node refuses such a form
		id = fields.Get("id")
	default:
		var fields struct{ ID string }
		_ = json.Unmarshal(body, &fields) // a body that is no such object names none
		id = fields.ID
	}
	id, _ = chat.ParseID(id) // an error comes with ""
	return id
}

// told returns what the sender is told of a message that was not accepted, or that may have been.
func (m *message) told(unknown bool, reason, id string) string {
	return journey.Told(&errs.Error{Code: errs.Unavailable, NotDone: !unknown}, reason, id)
}

type idKey struct{}

// KeepID returns a handler that keeps the id which another node has proposed for a message, for ProposedID. It must be called with
// requests that FromPeer has seen.
func KeepID(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if id := r.Header.Get(idHeader); id != "" {
			r = r.WithContext(context.WithValue(r.Context(), idKey{}, id))
		}
		next.ServeHTTP(w, r)
	})
}

// ProposedID returns the id that the message of a forwarded request gets if it names none, "" if this node may choose one.
func ProposedID(ctx context.Context) string {
	id, _ := ctx.Value(idKey{}).(string)
	return id
}
