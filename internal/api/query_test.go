package api

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"restante/internal/auth"
)

// faultsOf returns the status of an answer, and the fields that it names.
func faultsOf(t *testing.T, w *httptest.ResponseRecorder) (status int, fields []string) {
	t.Helper()
	if w.Code < 400 {
		return w.Code, nil
	}
	for _, e := range problemIn(t, w).Errors {
		fields = append(fields, e.Field)
	}
	return w.Code, fields
}

// What is misspelt would go to the default room, and an '&' of a text would cut it: requests that send, and streams, refuse every
// parameter that they do not know, and name all of them.
func TestAPI_RefusesUnknownParameters(t *testing.T) {
	const send = "client_id=ann&msg=hi"
	for _, tt := range []struct {
		method, target string
		status         int
		fields         string
	}{
		{"POST", "/message?rom=management&" + send, 422, "rom"},
		{"POST", "/message?room=r5&client_id=ann&msg=R&D+budget", 422, "D budget"},
		{"POST", "/message?rom=a&Room=b&rooms=c&" + send + "&x", 422, "rom Room rooms x"},
		{"POST", "/message?CLIENT_ID=a&clientId=a&client-id=a&" + send, 422, "CLIENT_ID clientId client-id"},
		{"POST", "/message?room[]=a&" + send, 422, "room[]"},
		{"POST", "/message?flag&" + send, 422, "flag"},
		{"POST", "/message?=&" + send, 422, "="},
		{"POST", "/message?%=1&" + send, 422, "%"},
		{"POST", "/message?%ff=1&" + send, 422, "?"},
		{"POST", "/message?" + strings.Repeat("x", 300) + "=1&" + send, 422, strings.Repeat("x", maxQuotedLength) + "…"},
		{"POST", "/message?after=1&" + send, 422, "after"},
		{"POST", "/message?accessToken=secret&" + send, 422, "accessToken"},
		{"POST", "/message?rom=a&msg=%zz&client_id=ann", 400, "rom msg"},
		{"POST", "/message?rom=a&msg=%ff&client_id=a&client_id=b", 422, "rom msg client_id"},
		{"POST", "/rooms/lobby/messages?id=" + anID, 422, "id"},
		{"POST", "/rooms/lobby/messages?room=a&_=1", 422, "room _"},
		{"GET", "/rooms/lobby/events?after=0&afer=1", 422, "afer"},
		{"GET", "/rooms/lobby/events?since=2026-01-01&limit=5&room=a", 422, "since limit room"},
		{"GET", "/rooms/lobby/events?lasteventid=1&last_event_id=1&LastEventId=1&lastEventIds=1", 422, "lasteventid last_event_id LastEventId lastEventIds"},
		{"GET", "/rooms/lobby/events?After=1&EPOCH=a&_=1&Access_Token=secret", 422, "After EPOCH _ Access_Token"},
		{"HEAD", "/rooms/lobby/events?after=0", 200, ""},
		// Other requests name what looks like one of the API's, and ignore the rest.
		{"GET", "/rooms/lobby/messages?rooms=a&lastEventId=5&After=3&room=b&Last-Event-ID=5", 422, "rooms lastEventId After room Last-Event-ID"},
		{"GET", "/messages/since?since=2026-01-01&Room=a&before=5&rooms=b&sinces=1", 422, "Room before rooms sinces"},
		{"GET", "/rooms?before=a&Limit=5&access_token=secret", 422, "before Limit"},
		{"GET", "/rooms/lobby/messages?accessToken=secret", 422, "accessToken"},
		{"GET", "/rooms/lobby/messages?_=123&cache=no&client_id=ann&id=1&flag&%=%&=", 200, ""},
		{"GET", "/messages/since?since=2026-01-01&_=123&utm_source=x&rom=a", 200, ""},
		{"GET", "/rooms?_=123&v=2", 200, ""},
		{"GET", "/rooms?access_token=secret", 200, ""}, // a token that is not read says nothing
	} {
		s := newMemory()
		w := do(newAPI(t, s), tt.method, tt.target, "")
		if status, fields := faultsOf(t, w); status != tt.status || strings.Join(fields, " ") != tt.fields {
			t.Errorf("%s %s: %d %q, want %d %q", tt.method, tt.target, status, fields, tt.status, tt.fields)
		}
		if strings.Contains(w.Body.String(), "secret") || len(s.rooms) > 0 {
			t.Errorf("%s %s: %s; stored %v", tt.method, tt.target, w.Body, s.rooms)
		}
	}
}

// A query of 256 KiB, the longest that the server reads, costs little and is answered shortly.
func TestReadQuery_OfVeryManyParameters(t *testing.T) {
	a := newAPI(t, newMemory())
	many := strings.Repeat("&X_", 256<<10/3)
	if w := do(a, "POST", "/message?"+many, ""); w.Code != 422 || w.Body.Len() > 4<<10 || len(problemIn(t, w).Errors) != maxFieldErrors {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
	if w := do(a, "GET", "/rooms?"+many, ""); w.Code != 200 {
		t.Errorf("%d %.500s", w.Code, w.Body)
	}
}

func TestAPI_SaysHowParametersAreWritten(t *testing.T) {
	a := newAPI(t, newMemory())
	for target, want := range map[string]string{
		"POST /message?Room=a":                     "it is written room",
		"POST /message?D":                          "an '&' of a text is written %26",
		"POST /message?accessToken=x":              "the header Authorization",
		"GET /rooms/lobby/events?accessToken=x":    "it is written access_token",
		"GET /rooms/lobby/events?last-event-ids=5": "it is written lastEventId",
		"GET /rooms/lobby/messages?AFTER=5":        "it is written after",
	} {
		method, target, _ := strings.Cut(target, " ")
		if p := problemIn(t, do(a, method, target, "")); !strings.Contains(p.Errors[0].Message, want) {
			t.Errorf("%s: %+v", target, p.Errors)
		}
	}
}

// A cursor, limit or time that is there but empty is a mistake: without it, other messages would be read.
func TestAPI_RefusesEmptyParameters(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 3)
	a := newAPI(t, s)
	for path, names := range map[string][]string{
		"/rooms/lobby/messages?": {"after", "before", "since", "epoch", "rev", "limit"},
		"/messages/since?":       {"after", "since", "epoch", "rev", "limit"},
		"/rooms?":                {"after", "limit"},
		"/rooms/lobby/events?":   {"after", "epoch", "rev", "lastEventId", "lastEventID", "Last-Event-ID"},
	} {
		for _, name := range names {
			for _, query := range []string{name + "=", name, "&&" + name + "=&", "after=1&" + name + "="} {
				w := do(a, "GET", path+query, "")
				field := name
				if strings.EqualFold(name, lastEventID) || name == "lastEventID" {
					field = "lastEventId"
				}
				if status, fields := faultsOf(t, w); status != 422 || !slices.Contains(fields, field) || !strings.Contains(w.Body.String(), "is empty") && query[0] != 'a' {
					t.Errorf("%s%s: %d %q", path, query, status, fields)
				}
			}
		}
	}
	for _, id := range []string{"", " ", "5,", ","} {
		if status, fields := faultsOf(t, do(a, "GET", "/rooms/lobby/events?after=1", "", "Last-Event-ID", id)); status != 422 || fields[0] != "Last-Event-ID" {
			t.Errorf("Last-Event-ID %q: %d %q", id, status, fields)
		}
	}
}

// An empty id or client_id is one that the client does not name, as JSON and forms write it, too.
func TestPostMessage_EmptyIsAbsentForIDAndClient(t *testing.T) {
	for name, tt := range map[string]struct {
		target, body, contentType string
		client                    *auth.Client
	}{
		"id in the query":       {"/message?id=&msg=hi&client_id=ann", "", "", auth.Anyone()},
		"id without a value":    {"/message?id&msg=hi&client_id=ann", "", "", auth.Anyone()},
		"room in the query":     {"/message?room=&msg=hi&client_id=ann", "", "", auth.Anyone()},
		"id in JSON":            {"/message", `{"id":"","room":"","msg":"hi","client_id":"ann"}`, jsonType, auth.Anyone()},
		"id in a form":          {"/message", "id=&room=&msg=hi&client_id=ann", formType, auth.Anyone()},
		"id for a room":         {"/rooms/lobby/messages", `{"id":"","msg":"hi","client_id":"ann"}`, jsonType, auth.Anyone()},
		"query empty, not body": {"/message?client_id=&msg=&id=", `{"msg":"hi","client_id":"ann"}`, jsonType, auth.Anyone()},
		"client in the query":   {"/message?client_id=&msg=hi", "", "", &auth.Client{ID: "ann", Rooms: auth.Anyone().Rooms, Publish: true}},
		"client in JSON":        {"/rooms/lobby/messages", `{"client_id":"","msg":"hi"}`, jsonType, &auth.Client{ID: "ann", Rooms: auth.Anyone().Rooms, Publish: true}},
	} {
		s := newMemory()
		a := newAPI(t, s, func(c *Config) { c.Accept = auth.CheckSender(c.Accept) })
		w := as(tt.client, a, "POST", tt.target, tt.body, "Content-Type", tt.contentType)
		if got := s.rooms["lobby"]; w.Code != 202 || len(got) != 1 || got[0].ClientID != "ann" || got[0].ID == "" {
			t.Errorf("%s: %d %s, stored %+v", name, w.Code, w.Body, got)
		}
	}
	for target, field := range map[string]string{"/message?client_id=ann&msg=": "msg", "/message?client_id=&msg=hi": "client_id", "/message?id=&id=&msg=a&client_id=b": "id"} {
		if status, fields := faultsOf(t, do(newAPI(t, newMemory()), "POST", target, "")); status != 422 || fields[0] != field {
			t.Errorf("%s: %d %q", target, status, fields)
		}
	}
}

func TestAPI_TakesWholeNumbersWithAFractionOfZeros(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 20)
	a := newAPI(t, s)
	for target, status := range map[string]int{
		"/rooms/lobby/messages?after=18.0&limit=5.00": 200, "/messages/since?after=18.0&rev=0.0": 200, "/rooms?limit=7.0": 200, "/rooms/lobby/messages?before=18.0": 200,
		"/rooms/lobby/messages?after=18.5": 422, "/rooms/lobby/messages?after=18.": 422, "/rooms/lobby/messages?after=.0": 422, "/rooms/lobby/messages?after=1e1": 422,
		"/rooms/lobby/messages?after=-1.0": 422, "/rooms/lobby/messages?limit=0.0": 422, "/rooms/lobby/messages?after=1.0.0": 422, "/rooms/lobby/messages?after=99.0": 422,
	} {
		if w := do(a, "GET", target, ""); w.Code != status {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if w := do(a, "GET", "/rooms?after=1.0", ""); w.Code != 200 { // the name of a room
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
