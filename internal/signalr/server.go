package signalr

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"restante/internal/origin"
)

// Server is the hub's endpoint. It is an http.Handler for the hub's path and for the negotiate path below it. Its
// methods may be called concurrently.
type Server struct {
	hub      Hub
	cfg      Config
	log      *slog.Logger
	metrics  *metrics
	origins  origin.List // of Config.AllowedOrigins
	refusals origin.Refusals
	methods  map[string]*method // by canonical and by lower-case name
	registry registry
	epoch    time.Time
	recheck  chan struct{} // buffered, one element: the sweeper must look at once
	// generation rises with each Recheck.
	generation atomic.Int64
	buffers    sync.Pool      // of *[]byte, for reading
	decoders   sync.Pool      // of *jsonDecoder
	running    sync.WaitGroup // every goroutine that the server starts
}

// New returns a server for hub. It starts nothing: goroutines run only while there are connections. Check cfg with
// Config.Validate before.
func New(hub Hub, cfg Config) *Server {
	cfg = cfg.withDefaults()
	s := &Server{hub: hub, cfg: cfg, log: cfg.Log, epoch: time.Now(), methods: map[string]*method{}, recheck: make(chan struct{}, 1)}
	s.generation.Store(1)
	s.buffers.New = func() any { b := make([]byte, readBuffer); return &b }
	s.decoders.New = func() any { return newJSONDecoder() }
	s.metrics = newMetrics(cfg.Metrics)
	s.origins, _ = origin.ParseList(cfg.AllowedOrigins) // Validate has checked them
	for _, name := range hub.Methods() {
		m := &method{name: name, outcomes: s.metrics.method(name)}
		s.methods[name], s.methods[strings.ToLower(name)] = m, m
	}
	s.registry.init(unusedLimits{cfg.MaxUnused, cfg.MaxUnusedPerClient})
	return s
}

// now returns the time since New: monotonic, and small enough for an atomic integer.
func (s *Server) now() int64 { return int64(time.Since(s.epoch)) }

// ServeHTTP answers a request to the hub. It checks the origin of its page, identifies the sender, and chooses a handler by
// method and headers. A WebSocket outlives ServeHTTP; an event stream or a poll is answered inside it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache, no-store, no-transform") // proxies must not compress: they would hold bytes back
	h.Set("X-Content-Type-Options", "nosniff")
	if s.cors(w, r) {
		return
	}
	sender, refused := s.cfg.Identify(r)
	if refused != nil {
		if isRefresh(r) {
			s.refuseSender(w, refused)
			return
		}
		refused.write(w)
		return
	}
	r = plainUpgrade(r)
	if isNegotiate(r) {
		s.serveNegotiate(w, r, sender)
		return
	}
	if isRefresh(r) {
		s.serveRefresh(w, r, sender)
		return
	}
	if s.answerNode(w, r, sender) || s.forward(w, r, sender) {
		return
	}
	switch r.Method {
	case http.MethodGet:
		switch {
		case isUpgrade(r):
			s.serveWebSocket(w, r, sender)
		case wantsEvents(r):
			s.serveEvents(w, r, sender)
		default:
			s.servePoll(w, r, sender)
		}
	case http.MethodPost:
		s.servePost(w, r, sender)
	case http.MethodDelete:
		s.serveDelete(w, r, sender)
	default:
		notAllowed(w, "GET, POST, DELETE, OPTIONS", "Method not allowed")
	}
}

// isNegotiate reports whether the request is for the negotiate path below the hub's, wherever the hub is mounted.
func isNegotiate(r *http.Request) bool { return isBelow(r, "/negotiate") }

// isRefresh reports whether the request is for the refresh path below the hub's.
func isRefresh(r *http.Request) bool { return isBelow(r, "/refresh") }

// isBelow reports whether the path of a request ends with the suffix. As in ASP.NET, case and a slash at the end do not matter.
func isBelow(r *http.Request, suffix string) bool {
	path := strings.TrimSuffix(r.URL.Path, "/")
	return len(path) >= len(suffix) && strings.EqualFold(path[len(path)-len(suffix):], suffix)
}

// lookup finds the connection that a request names. unopened is the answer for a token that has opened none yet; without
// one, lookup returns nil for such a token.
func (s *Server) lookup(r *http.Request, sender Identity, unopened *Refusal) (*Conn, *Refusal) {
	token := queryValue(r.URL.Query(), "id")
	if token == "" {
		return nil, errNoID
	}
	if c := s.registry.find(token, sender.Name); c != nil {
		return c, nil
	}
	if s.registry.isUnused(token, sender.Name) {
		return nil, unopened
	}
	return nil, errNoConnection
}

// queryValue finds a parameter without regard to the case of its name, as ASP.NET does. The value can be kept: it has memory of its own.
func queryValue(query url.Values, name string) string {
	if v, ok := query[name]; ok {
		return strings.Clone(v[0])
	}
	for key, v := range query {
		if strings.EqualFold(key, name) {
			return strings.Clone(v[0])
		}
	}
	return ""
}
