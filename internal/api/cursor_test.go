package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/chat"
)

// answered is what a door answered to a cursor.
type answered struct {
	status int
	field  string // that a refusal names
	reset  *chat.Reset
	first  int64  // the number of the first message
	epoch  string // that the answer names; "" if it has no place for it
}

// door is a way to read a room by a cursor in a query.
type door func(t *testing.T, srv *httptest.Server, query string, header ...string) answered

// doors are all ways to read a room by a cursor.
var doors = map[string]door{
	"page":   readMessagePage,
	"missed": func(t *testing.T, s *httptest.Server, q string, _ ...string) answered { return readMissed(t, s, q) },
	"missed, paged": func(t *testing.T, s *httptest.Server, q string, _ ...string) answered {
		return readMissed(t, s, q+"&limit=1")
	},
	"stream": readStream,
}

// serving returns a server of the API over s. It ends after the requests of the test have ended.
func serving(t *testing.T, s *memoryLog) *httptest.Server {
	srv := httptest.NewServer(auth.Open(newAPI(t, s)))
	t.Cleanup(srv.Close)
	return srv
}

func ask(t *testing.T, srv *httptest.Server, target string, header ...string) (*http.Response, answered) {
	t.Helper()
	return send(t, requestOf(t, srv, target, header...))
}

func requestOf(t *testing.T, srv *httptest.Server, target string, header ...string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+target, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

func send(t *testing.T, r *http.Request) (*http.Response, answered) {
	t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { res.Body.Close() })
	got := answered{status: res.StatusCode}
	if res.StatusCode != 200 {
		var p problem
		if err := json.NewDecoder(res.Body).Decode(&p); err != nil || p.Code != "invalid" && res.StatusCode == 422 || len(p.Errors) == 0 {
			t.Fatalf("%s: %v, %+v", r.URL, err, p)
		}
		got.field = p.Errors[0].Field
	}
	return res, got
}

func readMessagePage(t *testing.T, srv *httptest.Server, query string, _ ...string) answered {
	t.Helper()
	res, got := ask(t, srv, "/rooms/lobby/messages?"+query)
	if got.status != 200 {
		return got
	}
	var page struct {
		Messages []chat.Message
		Epoch    string
		Reset    *chat.Reset
	}
	if err := json.NewDecoder(res.Body).Decode(&page); err != nil {
		t.Fatal(err)
	}
	got.epoch, got.reset = page.Epoch, page.Reset
	if len(page.Messages) > 0 {
		got.first = page.Messages[0].Seq
	}
	return got
}

func readMissed(t *testing.T, srv *httptest.Server, query string) answered {
	t.Helper()
	res, got := ask(t, srv, "/messages/since?"+query)
	if got.status != 200 {
		return got
	}
	var list []chat.Message
	if err := json.NewDecoder(res.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	if len(list) > 0 {
		got.first = list[0].Seq
	}
	got.epoch = res.Header.Get("Restante-Epoch")
	if text := res.Header.Get("Restante-Reset"); text != "" {
		if err := json.Unmarshal([]byte(text), &got.reset); err != nil {
			t.Fatal(err)
		}
	}
	return got
}

// readStream reads until the first message. The id of its event must go on where the stream stands.
func readStream(t *testing.T, srv *httptest.Server, query string, header ...string) answered {
	t.Helper()
	return firstOf(t, requestOf(t, srv, "/rooms/lobby/events?"+query, header...))
}

// firstOf is readStream for a request.
func firstOf(t *testing.T, r *http.Request) answered {
	t.Helper()
	res, got := send(t, r)
	if got.status != 200 {
		return got
	}
	var id, event string
	for scan := bufio.NewScanner(res.Body); scan.Scan(); {
		name, value, _ := strings.Cut(scan.Text(), ": ")
		switch name + " " + event {
		case "data reset":
			if err := json.Unmarshal([]byte(value), &got.reset); err != nil || id != fmt.Sprintf("%d;%s", got.reset.After, got.reset.Epoch) {
				t.Errorf("reset with the id %s: %s, %v", id, value, err)
			}
		case "data message":
			_, got.epoch, _ = strings.Cut(id, ";")
			_, err := fmt.Sscan(id, &got.first)
			if err != nil {
				t.Error(err)
			}
			return got
		}
		switch name {
		case "id":
			id = value
		case "event":
			event = value
		}
	}
	t.Fatal("the stream ended before a message")
	return got
}

// beenBack is a store whose room had 10 messages, went back to 6, had 9, went back to 8, and has 12.
func beenBack(t *testing.T) *memoryLog {
	s := newMemory()
	fill(t, s, "lobby", 10)
	s.goBack("lobby", 6)
	fill(t, s, "lobby", 3)
	s.goBack("lobby", 8)
	fill(t, s, "lobby", 4)
	return s
}

func wantReset(reason chat.Reason, after, from int64) *chat.Reset {
	return &chat.Reset{Room: "lobby", Reason: reason, Epoch: epochIDs[2], LastSeq: 12, After: after, FromSeq: from}
}

func TestCursor_IsResolvedAlikeAtEveryDoor(t *testing.T) {
	srv := serving(t, beenBack(t))
	for _, tt := range []struct {
		query string
		first int64
		reset *chat.Reset
	}{
		{"after=5", 6, nil},
		{"after=5&epoch=" + epochIDs[2], 6, nil},
		{"after=5&rev=3&epoch=" + epochIDs[2], 6, nil},
		{"after=5&rev=0", 6, nil},
		{"after=9&epoch=" + epochIDs[1], 9, wantReset(chat.ReasonEpoch, 8, 0)},
		{"after=7&epoch=" + epochIDs[1], 8, wantReset(chat.ReasonEpoch, 7, 0)},
		{"after=10&epoch=" + epochIDs[0], 7, wantReset(chat.ReasonEpoch, 6, 0)},
		{"after=1000&rev=7&epoch=" + epochIDs[0], 7, wantReset(chat.ReasonEpoch, 6, 0)},
		{"after=3&epoch=" + epochIDs[0], 4, wantReset(chat.ReasonEpoch, 3, 0)},
		{"after=10&epoch=unknown", 1, wantReset(chat.ReasonEpoch, 0, 0)},
	} {
		for name, read := range doors {
			got := read(t, srv, tt.query)
			if got.status != 200 || got.first != tt.first || got.epoch != epochIDs[2] {
				t.Errorf("%s, %s: %+v, want %d", name, tt.query, got, tt.first)
			}
			sameReset(t, name+", "+tt.query, got.reset, tt.reset)
		}
	}
}

func sameReset(t *testing.T, what string, got, want *chat.Reset) {
	t.Helper()
	if (got == nil) != (want == nil) || got != nil && *got != *want {
		t.Errorf("%s: reset %+v, want %+v", what, got, want)
	}
}

func TestCursor_IsRefusedAlikeAtEveryDoor(t *testing.T) {
	srv := serving(t, beenBack(t))
	for query, field := range map[string]string{
		"after=13":                          "after",
		"after=9223372036854775807":         "after",
		"after=13&epoch=" + epochIDs[2]:     "after",
		"after=5&epoch=a%20b":               "epoch",
		"after=5&epoch=%3B":                 "epoch",
		"after=5&epoch=" + epochOf(65):      "epoch",
		"epoch=" + epochIDs[2]:              "epoch",
		"after=5&rev=-1":                    "rev",
		"after=5&rev=x":                     "rev",
		"rev=3":                             "rev",
		"after=-1&epoch=" + epochIDs[2]:     "after",
		"after=5&epoch=a&epoch=b":           "epoch",
		"after=5;" + epochIDs[2]:            "after", // the text of an event's id is not a number
		"after=5&rev=9223372036854775808":   "rev",
		"after=5&rev=1.5&epoch=" + anID[:8]: "rev",
	} {
		for name, read := range doors {
			if got := read(t, srv, query); got.status != 422 || got.field != field {
				t.Errorf("%s, %s: status %d, field %q", name, query, got.status, got.field)
			}
		}
	}
}

// A time is not a number that an epoch or a change could belong to. Streams do not begin at a time.
func TestCursor_OfATimeHasNoEpoch(t *testing.T) {
	srv := serving(t, beenBack(t))
	for query, field := range map[string]string{"since=2026-01-01&epoch=a": "epoch", "since=2026-01-01&rev=3": "rev"} {
		for name, read := range doors {
			want := field
			if name == "stream" {
				want = "since"
			}
			if got := read(t, srv, query); got.status != 422 || got.field != want {
				t.Errorf("%s, %s: status %d, field %q", name, query, got.status, got.field)
			}
		}
	}
}

func epochOf(length int) string { return strings.Repeat("e", length) }

func TestCursor_BelowTheFloorIsToldAtEveryDoor(t *testing.T) {
	s := beenBack(t)
	s.remove("lobby", 9)
	srv := serving(t, s)
	for _, tt := range []struct {
		query string
		reset *chat.Reset
	}{
		{"after=9", nil},
		{"after=8", wantReset(chat.ReasonFloor, 9, 9)},
		{"after=0", wantReset(chat.ReasonFloor, 9, 1)},
		{"after=0&epoch=" + epochIDs[2], wantReset(chat.ReasonFloor, 9, 1)},
		{"after=12&epoch=" + epochIDs[1], wantReset(chat.ReasonEpoch, 9, 0)},
	} {
		for name, read := range doors {
			got := read(t, srv, tt.query)
			if got.status != 200 || got.first != 10 {
				t.Errorf("%s, %s: %+v", name, tt.query, got)
			}
			sameReset(t, name+", "+tt.query, got.reset, tt.reset)
		}
	}
	for name, read := range map[string]door{"page": readMessagePage, "missed": doors["missed"]} {
		if got := read(t, srv, "since=2026-01-01"); got.status != 200 || got.first != 10 || got.reset != nil {
			t.Errorf("%s, since a time: %+v", name, got)
		}
	}
}

func TestStreamRoom_AnIdWithoutAnEpochIsOfTheFirstOne(t *testing.T) {
	s := beenBack(t)
	srv := serving(t, s)
	for _, tt := range []struct {
		id    string
		first int64
		reset *chat.Reset
	}{
		{"10", 7, wantReset(chat.ReasonEpoch, 6, 0)},
		{"1000.4", 7, wantReset(chat.ReasonEpoch, 6, 0)},
		{"10;" + epochIDs[0], 7, wantReset(chat.ReasonEpoch, 6, 0)},
		{"10;" + epochIDs[1], 9, wantReset(chat.ReasonEpoch, 8, 0)},
		{"10;" + epochIDs[2], 11, nil},
		{"10.7;" + epochIDs[2], 11, nil},
		{"10;unknown", 1, wantReset(chat.ReasonEpoch, 0, 0)},
	} {
		got := readStream(t, srv, "after=3&epoch="+epochIDs[1], "Last-Event-ID", tt.id)
		if got.status != 200 || got.first != tt.first {
			t.Errorf("%s: %+v", tt.id, got)
		}
		sameReset(t, tt.id, got.reset, tt.reset)
	}
	for _, id := range []string{"13;" + epochIDs[2], "x", "-1", "+1", "1.", "1.x", "1;", "1;a b", "1;" + epochOf(65), ";a", "1;a;b", "1.2.3"} {
		if got := readStream(t, srv, "after=3", "Last-Event-ID", id); got.status != 422 || got.field != "Last-Event-ID" {
			t.Errorf("%q: %+v", id, got)
		}
	}
	first := newMemory()
	fill(t, first, "lobby", 3)
	young := serving(t, first)
	if got := readStream(t, young, "after=0", "Last-Event-ID", "2"); got.first != 3 || got.reset != nil || got.epoch != "" {
		t.Errorf("in the first epoch: %+v", got)
	}
}

// The case of a poller with a cursor from before a restore: it must not hear "nothing new".
func TestCursor_BeyondTheEndOfAnUnknownRoom(t *testing.T) {
	srv := serving(t, newMemory())
	for name, read := range doors {
		if got := read(t, srv, "after=1000"); got.status != 422 || got.field != "after" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
