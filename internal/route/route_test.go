package route_test

import (
	"net/http/httptest"
	"testing"

	"restante/internal/peer"
	"restante/internal/route"
)

func TestOf_FindsTheRouteOfARequest(t *testing.T) {
	for _, tc := range []struct {
		method, url string
		want        *route.Route
	}{
		{"POST", "/message?msg=x", route.PostMessage},
		{"GET", "/messages/since?since=x", route.GetMissedMessages},
		{"GET", "/rooms", route.ListRooms},
		{"GET", "/rooms/a/messages", route.ListMessages},
		{"HEAD", "/rooms/a/messages", route.ListMessages},
		{"POST", "/rooms/a/messages", route.SendToRoom},
		{"DELETE", "/message", route.PostMessage},
		{"GET", "/rooms/a/events", route.StreamRoom},
		{"OPTIONS", "/rooms/a/events", route.StreamRoom},
		{"GET", "/rooms/a%2Fb/events", route.StreamRoom},
		{"POST", "/messageHub", route.MessageHub},
		{"POST", "/messageHub/negotiate?negotiateVersion=1", route.MessageHub},
		{"GET", "/messageHub/x/y", route.MessageHub},
		{"POST", "/messagehub", route.MessageHub},
		{"POST", "/messageHub/", route.MessageHub},
		{"POST", "/MESSAGEHUB/NEGOTIATE/", route.MessageHub},
		{"POST", "/%6DessageHub/negotiate", route.MessageHub},
		{"POST", "/meſſageHub/negotiate", route.Site}, // letters that only Unicode folds to s
		{"GET", "/messageHubs", route.Site},
		{"GET", "/messagehubs/negotiate", route.Site},
		{"POST", "/messageHub//negotiate", route.MessageHub},
		{"GET", "/messageHub/../healthz", route.MessageHub},
		{"GET", "/x/../healthz", route.Site},
		{"GET", "/healthz", route.Healthz},
		{"GET", "/readyz", route.Readyz},
		{"GET", "/", route.Site},
		{"GET", "/assets/x.js", route.Site},
		{"GET", "/rooms/a/b/c", route.Site},
		{"GET", "//", route.Site},
	} {
		if got := route.Of(httptest.NewRequest(tc.method, tc.url, nil)); got != tc.want {
			t.Errorf("%s %s is %s, want %s", tc.method, tc.url, got.Name(), tc.want.Name())
		}
	}
}

func TestAll_NamesAndPatternsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range route.All() {
		if seen[r.Name()] || seen[r.Pattern()] || r.Name() == "" {
			t.Errorf("%s (%s) is in the table twice, or has no name", r.Name(), r.Pattern())
		}
		seen[r.Name()], seen[r.Pattern()] = true, true
		role := r.Role()
		if role != "" && role != peer.API && role != peer.Hub {
			t.Errorf("%s has the role %q", r.Name(), role)
		}
		if r.IsProbe() && (role != "" || r.Access() != route.Public) {
			t.Errorf("the probe %s is not for every node and every request", r.Name())
		}
	}
}

func BenchmarkOf(b *testing.B) {
	r := httptest.NewRequest("POST", "/message?msg=x", nil)
	b.ReportAllocs()
	for b.Loop() {
		route.Of(r)
	}
}
