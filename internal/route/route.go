// Package route is the table of everything that the server answers over HTTP. A route states once what other packages need
// to know: its pattern, which requests it answers, which role of a node answers it, whether its query may carry a token,
// whether its answer lasts as long as its client, whether it is a probe, and whether it is traced. The API mounts handlers by these routes only; roles, limits, tokens and
// traces find the route of a request with Of. To add a route, add it here and mount its handler.
package route

import (
	"net/http"
	"strings"

	"restante/internal/peer"
)

// Access says which requests a route answers. What a client may do then is decided by package auth.
type Access int

// The kinds of access.
const (
	Client   Access = iota // requests with a valid token
	Operator               // requests whose token says admin
	Public                 // every request
)

// Route is one line of the table. Only this package makes routes, and they do not change.
type Route struct {
	name         string
	method       string // "" for every method
	path         string // as http.ServeMux has it
	access       Access
	role         peer.Role // "" for every node
	tokenInQuery bool
	probe        bool
	traced       bool
	below        bool // the route includes everything below its path, whose case does not matter, as in ASP.NET
	waits        bool // a GET is answered as long as its client waits
}

// The routes. OpenAPI operations have the names of their routes.
var (
	PostMessage       = add(Route{name: "PostMessage", method: http.MethodPost, path: "/message", role: peer.API, traced: true})
	GetMissedMessages = add(Route{name: "GetMissedMessages", method: http.MethodGet, path: "/messages/since", role: peer.API, traced: true})
	SendToRoom        = add(Route{name: "SendToRoom", method: http.MethodPost, path: "/rooms/{room}/messages", role: peer.API, traced: true})
	ListMessages      = add(Route{name: "ListMessages", method: http.MethodGet, path: "/rooms/{room}/messages", role: peer.API, traced: true})
	ListRooms         = add(Route{name: "ListRooms", method: http.MethodGet, path: "/rooms", role: peer.API, traced: true})
	StreamRoom        = add(Route{name: "StreamRoom", method: http.MethodGet, path: "/rooms/{room}/events", role: peer.Hub, tokenInQuery: true, waits: true})

	// MessageHub checks the client itself, since SignalR has its own answer to a refused negotiation.
	MessageHub = add(Route{name: "MessageHub", path: "/messageHub", access: Public, role: peer.Hub, tokenInQuery: true, below: true, waits: true})

	// Every node revokes and knows what is revoked.
	Revoke          = add(Route{name: "Revoke", method: http.MethodPost, path: "/admin/revocations", access: Operator})
	ListRevocations = add(Route{name: "ListRevocations", method: http.MethodGet, path: "/admin/revocations", access: Operator})

	Healthz = add(Route{name: "Healthz", method: http.MethodGet, path: "/healthz", access: Public, probe: true})
	Readyz  = add(Route{name: "Readyz", method: http.MethodGet, path: "/readyz", access: Public, probe: true})
	Version = add(Route{name: "Version", method: http.MethodGet, path: "/version", access: Public})
	Metrics = add(Route{name: "Metrics", method: http.MethodGet, path: "/metrics", access: Operator})

	Docs        = add(Route{name: "Docs", method: http.MethodGet, path: "/docs", access: Public, role: peer.API})
	OpenAPIJSON = add(Route{name: "OpenAPIJSON", method: http.MethodGet, path: "/openapi.json", access: Public, role: peer.API})
	OpenAPIYAML = add(Route{name: "OpenAPIYAML", method: http.MethodGet, path: "/openapi.yaml", access: Public, role: peer.API})

	// Site is the web client: the page at / and its files, whose names package client knows. Of returns it for every path
	// that no other route has.
	Site = add(Route{name: "Site", method: http.MethodGet, path: "/", access: Public, role: peer.API})
)

var (
	table    []*Route
	paths    = map[string][]*Route{}
	subtrees []*Route             // the routes that have everything below their paths
	mux      = http.NewServeMux() // finds the pattern of a path with wildcards
)

// add puts a route into the table.
func add(r Route) *Route {
	table = append(table, &r)
	paths[r.path] = append(paths[r.path], &r)
	if r.below {
		subtrees = append(subtrees, &r)
	}
	if strings.Contains(r.path, "{") && len(paths[r.path]) == 1 {
		mux.Handle(r.path, http.NotFoundHandler())
	}
	return &r
}

// All returns every route, in the order of the table.
func All() []*Route { return append([]*Route(nil), table...) }

// Of returns the route of a request. Where its path has routes for other methods only it is the first of those, which
// answer 405; a path that no route has is the web client's, which answers 404.
func Of(r *http.Request) *Route {
	candidates := paths[r.URL.Path]
	if candidates == nil {
		for _, route := range subtrees {
			if route.includes(r.URL.Path) {
				return route
			}
		}
		_, pattern := mux.Handler(r)
		candidates = paths[pattern]
	}
	if candidates == nil {
		return Site
	}
	for _, route := range candidates {
		if route.answers(r.Method) {
			return route
		}
	}
	return candidates[0]
}

// includes reports whether a path is that of the route, or below it. All slices of as many bytes as the path of the route that
// are equal to it but for their case are ASCII, too.
func (r *Route) includes(path string) bool {
	n := len(r.path)
	return len(path) >= n && strings.EqualFold(path[:n], r.path) && (len(path) == n || path[n] == '/')
}

func (r *Route) answers(method string) bool {
	return r.method == "" || r.method == method || r.method == http.MethodGet && method == http.MethodHead
}

// Name returns the name of the route. It is the operationId of those that the OpenAPI document lists.
func (r *Route) Name() string { return r.name }

// Method returns the method that the route answers, "" for every method. A route for GET answers HEAD, too.
func (r *Route) Method() string { return r.method }

// Path returns the path as http.ServeMux has it, such as /rooms/{room}/messages.
func (r *Route) Path() string { return r.path }

// Pattern returns method and path as http.ServeMux has them.
func (r *Route) Pattern() string { return strings.TrimLeft(r.method+" "+r.path, " ") }

// Access returns which requests the route answers.
func (r *Route) Access() Access { return r.access }

// Role returns the role whose nodes answer the route, "" if every node answers it for itself.
func (r *Route) Role() peer.Role { return r.role }

// TokenInQuery reports whether the query may carry the token, because browsers cannot set a header there.
func (r *Route) TokenInQuery() bool { return r.tokenInQuery }

// EndsWithClient reports whether a request with this method is answered as long as its client waits: a stream, a poll or a
// WebSocket. Other requests have an answer that comes by itself.
func (r *Route) EndsWithClient(method string) bool { return r.waits && method == http.MethodGet }

// IsProbe reports whether the route is a health check, which load balancers call all the time: it has no limits.
func (r *Route) IsProbe() bool { return r.probe }

// IsTraced reports whether requests of the route have a span. Connections and streams have none, since they last.
func (r *Route) IsTraced() bool { return r.traced }
