// Package api is the HTTP surface: it sends messages into the journey (journey.Accept) and reads the rooms' logs, as
// pages and as streams. It translates requests into the words of package chat, and classified errors (package errs) into
// problem documents. Operations are declared with huma, which makes the OpenAPI document from them and from the Go types;
// strict reads first what huma would read too leniently. Handlers are mounted by
// the table of routes (package route), each behind the access check of its route, see router.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/health"
	"restante/internal/journey"
	"restante/internal/memory"
	"restante/internal/route"
)

// History reads the log of a room; store.Store is one. Methods block, are called concurrently, return pages in ascending
// order and classified errors. A room without messages is empty, not an error. Messages name the epoch in which they were read.
type History interface {
	// After returns messages with Seq > seq: up to limit of them, and no more than fit into a page, see chat.MaxPageBytes.
	After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
	// Before returns the newest messages with Seq < seq, bounded like those of After.
	Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
	// SeqAt returns the greatest Seq whose StoredAt is not later than t, or 0.
	SeqAt(ctx context.Context, room string, t time.Time) (int64, error)
	// Beginning returns where a room began an epoch after the given one, as chat.Resume asks for it.
	Beginning(ctx context.Context, room, epoch string) (int64, error)
}

// Directory reads what is known of rooms; store.Store is one.
type Directory interface {
	// Room returns what is known of one room: only its name when it has no messages.
	Room(ctx context.Context, name string) (chat.Room, error)
	// Rooms returns up to limit rooms whose name sorts after one text and before another ("": there is no end), ascending.
	Rooms(ctx context.Context, after, before string, limit int) ([]chat.Room, error)
	// RoomsNamed returns those rooms of the given names that exist, each once, ascending.
	RoomsNamed(ctx context.Context, names []string) ([]chat.Room, error)
}

// StreamWriter is where a Follow function writes server-sent events. The first Write sends the response's header.
// SetWriteDeadline may be called while a Write blocks, to end it.
type StreamWriter interface {
	Write(p []byte) (int, error)
	Flush() error
	SetWriteDeadline(deadline time.Time) error
}

// Follow streams the log of a room as server-sent events: first the messages after the cursor, then those that come. It resolves
// the cursor as chat.Resume does, and writes an event for its Reset. It blocks until ctx ends or a write fails. hub.Hub has such
// a method.
type Follow func(ctx context.Context, cursor chat.Cursor, w StreamWriter) error

// Turns lets reads of history run only a few at a time, so that they leave the store's connections to others.
type Turns interface {
	// Take blocks until the caller may read one page from the store. The caller calls done once, when it has read the page. It
	// must not wait for a peer before. Take returns an error only if ctx ends first. It is called concurrently.
	Take(ctx context.Context) (done func(), err error)
}

// Site is the embedded web client: a handler of the paths that it lists.
type Site interface {
	http.Handler
	Paths() []string
}

// Config configures an API. Accept, History, Rooms, Follow, Epoch and Turns are required; every other field may be zero. The
// first four decide what a client may send and read, by the client of their context; the API calls them only for requests that
// have one.
type Config struct {
	Accept  journey.Accepter
	History History
	Rooms   Directory
	Follow  Follow

	// StoresFirst says that a message is stored when Accept returns. Otherwise it may still turn out that the client has used its id
	// for another text: then the answer to a message whose id the client has named does not show the text.
	StoresFirst bool

	// Epoch returns the present epoch of the store, or an error while it is not known. It does not block and is called
	// concurrently.
	Epoch func() (chat.Epoch, error)
	Turns Turns // of all reads of history; the hub takes the same

	Revocations Revoker // what operators revoke tokens with; nil: no such paths

	Hub  http.Handler // mounted at /messageHub and below, with its own CORS, log and metrics; nil: not mounted
	Site Site         // the page at / and its assets; nil: this program was built without them

	// Checks returns what /readyz and the metric restante_check_up show. It may block for health.Limit. Default: always ready.
	Checks func() []health.Outcome

	Build   Build               // what /version answers
	Gather  prometheus.Gatherer // what /metrics shows; nil: no such path
	Metrics prometheus.Registerer

	AllowedOrigins []string // other origins whose pages may use the API, such as https://chat.example.org; default none

	// HoldAnswer returns where a page of history is counted while it is sent to the client of ctx. Default: nowhere.
	HoldAnswer func(ctx context.Context) *memory.Holding
	// HoldBody returns where the body of a request is counted, for its client. Default: nowhere.
	HoldBody func(ctx context.Context) *memory.Holding

	// Forget is called with the request of a stream when nothing more is needed of it but its context. Default: nothing.
	Forget func(*http.Request)

	// Allow is called for every request except those of the hub, probes and preflights. An error refuses the request. It is
	// called concurrently. Default: every request is allowed.
	Allow func(*http.Request) error

	// Denied is told of each request that was answered 403, with its id in the log. The cause of err is an auth.Denial as a rule. It
	// must not block, and is called concurrently. Default: nothing is told.
	Denied func(r *http.Request, requestID string, err error)
	// Operated is told of each request that an operator's endpoint answers, before it does. It must not block, and is called
	// concurrently. Default: nothing is told.
	Operated func(r *http.Request)

	Log *slog.Logger // default: discard
}

// The limits of requests and answers. They are part of the API: lowering one breaks clients.
const (
	maxBody            = 256 << 10 // bytes: a message of chat.MaxMsgBytes with every byte written as a \u escape, and some more
	defaultBodyTimeout = 30 * time.Second
	stallTimeout       = 5 * time.Minute // how long a reader may take for an answer, or read nothing of a stream
)

// Limits that belong to the http.Server which serves the API.
const (
	IdleTimeout    = 2 * time.Minute // between the requests of a connection
	MaxHeaderBytes = 256 << 10       // the query may hold a whole message, each byte escaped as three
)

// API is the handler of everything that the server answers over HTTP. Its write time limits are per write, so the
// http.Server must have no WriteTimeout. It is safe for concurrent use.
type API struct {
	cfg     Config
	log     *slog.Logger
	routes  *router
	origins *origins
	metrics metrics
	ids     requestIDs

	bodyTimeout time.Duration // defaultBodyTimeout, except in tests
}

// New returns the API over cfg. It fails if cfg is incomplete, if an allowed origin is not valid, or if a route of the
// table has no handler.
func New(cfg Config) (*API, error) {
	if cfg.Accept == nil || cfg.History == nil || cfg.Rooms == nil || cfg.Follow == nil || cfg.Epoch == nil || cfg.Turns == nil {
		return nil, fmt.Errorf("api: Accept, History, Rooms, Follow, Epoch and Turns are required")
	}
	a := &API{cfg: cfg, log: cfg.Log, ids: newRequestIDs(), bodyTimeout: defaultBodyTimeout}
	nowhere := func(context.Context) *memory.Holding { return nil }
	if a.cfg.HoldBody == nil {
		a.cfg.HoldBody = nowhere
	}
	if a.cfg.HoldAnswer == nil {
		a.cfg.HoldAnswer = nowhere
	}
	if a.cfg.Forget == nil {
		a.cfg.Forget = func(*http.Request) {}
	}
	a.routes = newRouter(a)
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if a.origins, err = newOrigins(cfg.AllowedOrigins, a.log, a.denied); err != nil {
		return nil, err
	}
	if a.metrics, err = newMetrics(cfg.Metrics, newChecksUp(a.outcomes), newBuildInfo(cfg.Build)); err != nil {
		return nil, err
	}
	doc := a.operations()
	if err := a.documents(doc); err != nil {
		return nil, err
	}
	a.probes()
	a.site()
	if err := a.routes.check(); err != nil {
		return nil, fmt.Errorf("api: %w", err)
	}
	return a, nil
}

// site mounts the files of the web client, or a page at / that says that they are not built in.
func (a *API) site() {
	if a.cfg.Site == nil {
		a.routes.handleAt(route.Site, "GET "+exact(route.Site.Path()), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			a.refuse(w, &errs.Error{Code: errs.NotFound, Msg: "this program was built without the web client (-tags noweb); /docs lists what there is"})
		}))
		return
	}
	for _, path := range a.cfg.Site.Paths() {
		a.routes.handleAt(route.Site, "GET "+exact(path), page(a.cfg.Site))
	}
}

// operations declares what the OpenAPI document lists, and returns the document.
func (a *API) operations() *huma.OpenAPI {
	h := huma.NewAPI(huma.Config{
		OpenAPI:      description(a.cfg.Build.Version),
		Formats:      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		Transformers: []huma.Transformer{a.toProblem},
	}, a.routes)
	h.UseMiddleware(a.strict)
	a.postMessage(h)
	a.getMissedMessages(h)
	a.sendToRoom(h)
	a.listMessages(h)
	a.streamRoom(h)
	a.mountRevocations(h)
	a.listRooms(h)
	return tidy(h.OpenAPI())
}

// exact returns the mux pattern that matches path and nothing below it.
func exact(path string) string {
	if strings.HasSuffix(path, "/") {
		return path + "{$}"
	}
	return path
}
