package server

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"restante/internal/peer"
)

func TestByRole_ForwardsWhatItsRolesDoNotCover(t *testing.T) {
	local := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("here")) })
	forward := func(role peer.Role) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(role)) })
	}
	for _, tc := range []struct {
		path               string
		api, consumer, hub string // what answers on a node that has only this role
	}{
		{"/message", "here", "api", "api"},
		{"/messages/since", "here", "api", "api"},
		{"/rooms/lobby/messages", "here", "api", "api"},
		{"/", "here", "api", "api"},
		{"/nowhere", "here", "api", "api"},
		{"/rooms/lobby/events", "hub", "hub", "here"},
		{"/messageHub", "hub", "hub", "here"},
		{"/messageHub/negotiate", "hub", "hub", "here"},
		{"/messagehub/", "hub", "hub", "here"},
		{"/MESSAGEHUB/Negotiate", "hub", "hub", "here"},
		{"/messageHubs", "here", "api", "api"},
		{"/healthz", "here", "here", "here"},
		{"/readyz", "here", "here", "here"},
		{"/metrics", "here", "here", "here"},
		{"/version", "here", "here", "here"},
	} {
		for role, want := range map[peer.Role]string{peer.API: tc.api, peer.Consumer: tc.consumer, peer.Hub: tc.hub} {
			w := httptest.NewRecorder()
			self := peer.Node{Roles: []peer.Role{role}}
			byRole(self, local, forward).ServeHTTP(w, httptest.NewRequest(http.MethodGet, tc.path, nil))
			if w.Body.String() != want {
				t.Errorf("%s on a node with the role %s: answered by %s, want %s", tc.path, role, w.Body, want)
			}
		}
	}
}

func TestTokenInQuery_OnlyWhereBrowsersCannotSetAHeader(t *testing.T) {
	for request, want := range map[[2]string]bool{
		{"GET", "/rooms/lobby/events"}:       true,
		{"HEAD", "/rooms/lobby/events"}:      false,
		{"POST", "/rooms/lobby/events"}:      false,
		{"GET", "/messageHub"}:               true,
		{"POST", "/messageHub"}:              true,
		{"DELETE", "/messageHub"}:            true,
		{"POST", "/messageHub/negotiate"}:    true,
		{"POST", "/MESSAGEHUB/"}:             true,
		{"GET", "/rooms/lobby/messages"}:     false,
		{"POST", "/message"}:                 false,
		{"GET", "/metrics"}:                  false,
		{"GET", "/"}:                         false,
		{"GET", "/rooms/lobby/events/other"}: false,
	} {
		if got := tokenInQuery(httptest.NewRequest(request[0], request[1], nil)); got != want {
			t.Errorf("%s %s: %v, want %v", request[0], request[1], got, want)
		}
	}
}

func TestWithoutPassword(t *testing.T) {
	for raw, want := range map[string]string{
		"postgres://ann:secret@db:5432/chat?password=secret": "postgres://ann:xxxxx@db:5432/chat",
		"amqp://rabbit":        "amqp://rabbit",
		"sqlite:/var/lib/a.db": "sqlite:/var/lib/a.db",
		"amqp://a:sec%ret@h":   "(hidden: not a URL)",
	} {
		if got := withoutPassword(raw); got != want {
			t.Errorf("%s is shown as %s, want %s", raw, got, want)
		}
	}
}
