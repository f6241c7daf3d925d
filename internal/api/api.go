// Package api is the HTTP surface: the door through which messages come in (journey.Accept) and the pages and streams
// through which the rooms' logs are read. It translates: requests into the words of package chat, and classified errors
// (package errs) into problem documents. Operations are declared with huma, which makes the OpenAPI document of them and
// of the Go types; what huma would read too leniently is read by strict first. Before each route
// stands a door (see router), which lets those in whom package auth knows.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/journey"
)

// History reads the log of a room; store.Store is one. Methods block, are called concurrently, return pages in ascending
// order and classified errors. A room without messages is empty, not an error.
type History interface {
	// After returns up to limit messages with Seq > seq.
	After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
	// Before returns the up to limit newest messages with Seq < seq.
	Before(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
	// SeqAt returns the greatest Seq whose StoredAt is not later than t, or 0.
	SeqAt(ctx context.Context, room string, t time.Time) (int64, error)
}

// Directory knows the rooms; store.Store is one.
type Directory interface {
	// Room returns what is known of one room, zero but for its name when it has no messages.
	Room(ctx context.Context, name string) (chat.Room, error)
	// Rooms returns up to limit rooms whose name sorts after the given one, ascending.
	Rooms(ctx context.Context, after string, limit int) ([]chat.Room, error)
}

// StreamWriter is where a Follow function writes server-sent events. The first Write sends the response's header.
// SetWriteDeadline may be called while a Write blocks, to end it.
type StreamWriter interface {
	Write(p []byte) (int, error)
	Flush() error
	SetWriteDeadline(deadline time.Time) error
}

// Follow streams the log of a room as server-sent events: what comes after the number after (-1: only what is yet to
// come), then live. It blocks until ctx ends or a write fails. hub.Hub has such a method.
type Follow func(ctx context.Context, room string, after int64, w StreamWriter) error

// Site is the embedded web client: a handler of the paths that it lists.
type Site interface {
	http.Handler
	Paths() []string
}

// Config says what the API stands on. Accept, History, Rooms and Follow are required; every other field may be zero.
// What a client may send and read is for Accept, History, Rooms and Follow to decide, by the client of their context; the
// API sees to it that there is one.
type Config struct {
	Accept  journey.Accepter
	History History
	Rooms   Directory
	Follow  Follow

	Hub  http.Handler // mounted at /messageHub and below, with its own CORS, log and metrics; nil: not mounted
	Site Site         // the page at / and its assets; nil: this program was built without them

	Checks  []Check             // what /readyz asks; none: always ready
	Build   Build               // what /version answers
	Gather  prometheus.Gatherer // what /metrics shows; nil: no such path
	Metrics prometheus.Registerer

	AllowedOrigins []string // other origins whose pages may use the API, such as https://chat.example.org; default none

	// ThisMachine says that nobody asks for tokens, and only this machine can reach the server: it is answered under the names
	// of this machine only, or pages from elsewhere could pretend to be its own.
	ThisMachine bool

	// Allow is asked for every request but those of the hub, probes and preflights. Its error refuses the request. It is
	// called concurrently. Default: all are let in.
	Allow func(*http.Request) error

	Log *slog.Logger // default: discard
}

// The limits of requests and answers. They are part of the API: lowering one breaks clients.
const (
	maxBody      = 256 << 10 // bytes: a message of chat.MaxMsgBytes with every byte written as a \u escape, and room to spare
	bodyTimeout  = 30 * time.Second
	stallTimeout = 5 * time.Minute // how long a reader may take to read an answer or, of a stream, nothing at all
)

// Limits that belong to the http.Server which serves the API.
const (
	ReadHeaderTimeout = 10 * time.Second // no longer: nothing of ours has a header that takes longer
	IdleTimeout       = 2 * time.Minute  // between the requests of a connection
	MaxHeaderBytes    = 256 << 10        // a whole message may stand in the query: three bytes for each of its own, escaped
)

// API is the handler of everything that the server answers over HTTP. Its write time limits are per write, so the
// http.Server must have no WriteTimeout. It is safe for concurrent use.
type API struct {
	cfg     Config
	log     *slog.Logger
	routes  *router
	origins origins
	metrics metrics
	ids     requestIDs
	failing []atomic.Bool // per check

	patience time.Duration // bodyTimeout, but for tests
}

// New returns the API over cfg. It fails if cfg is incomplete or names an origin that is none.
func New(cfg Config) (*API, error) {
	if cfg.Accept == nil || cfg.History == nil || cfg.Rooms == nil || cfg.Follow == nil {
		return nil, fmt.Errorf("api: Accept, History, Rooms and Follow are required")
	}
	a := &API{cfg: cfg, log: cfg.Log, ids: newRequestIDs(), failing: make([]atomic.Bool, len(cfg.Checks)), patience: bodyTimeout}
	a.routes = &router{a: a, mux: http.NewServeMux(), classes: map[string]class{}}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if a.origins, err = newOrigins(cfg.AllowedOrigins); err != nil {
		return nil, err
	}
	if a.metrics, err = newMetrics(cfg.Metrics, newChecksUp(a.check), newBuildInfo(cfg.Build)); err != nil {
		return nil, err
	}
	doc := a.operations()
	if err := a.documents(doc); err != nil {
		return nil, err
	}
	a.probes()
	a.site()
	return a, nil
}

// site mounts the pages of the web client, or says at / that there are none.
func (a *API) site() {
	if a.cfg.Site == nil {
		a.routes.handle("GET /{$}", open, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			a.refuse(w, &errs.Error{Code: errs.NotFound, Msg: "this program was built without the web client (-tags noweb); /docs lists what there is"})
		}))
		return
	}
	for _, path := range a.cfg.Site.Paths() {
		a.routes.handle("GET "+exact(path), open, page(a.cfg.Site))
	}
}

// operations declares what the OpenAPI document lists, and returns the document.
func (a *API) operations() *huma.OpenAPI {
	h := humago.New(a.routes, huma.Config{
		OpenAPI:      description(a.cfg.Build.Version),
		Formats:      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		Transformers: []huma.Transformer{a.toProblem},
	})
	h.UseMiddleware(a.strict)
	a.postMessage(h)
	a.getMissedMessages(h)
	a.sendToRoom(h)
	a.listMessages(h)
	a.streamRoom(h)
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

const hubPath = "/messageHub"

func isHub(path string) bool {
	rest, ok := strings.CutPrefix(path, hubPath)
	return ok && (rest == "" || rest[0] == '/')
}
