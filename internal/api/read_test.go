package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
)

func TestPostMessage_TakesTheFieldsFromQueryBodyOrForm(t *testing.T) {
	want := chat.Message{ID: anID, Room: "r", ClientID: "ann", SentAt: epoch} // without the text, since the id is named
	const msg = "a;b \x00 +👍"
	const text, escaped = `a;b \u0000 +👍`, "a;b%20%00%20%2B%F0%9F%91%8D"
	for name, send := range map[string][3]string{
		"query":             {"/message?&&msg=" + escaped + "&client_id=ann&room=r&id=" + anID, "", ""},
		"upper case id":     {"/message?msg=" + escaped + "&client_id=ann&room=r&id=" + strings.ToUpper(anID), "", ""},
		"JSON":              {"/message", `{"msg":"` + text + `","client_id":"ann","room":"r","id":"` + anID + `"}`, "application/json; charset=UTF-8"},
		"JSON without type": {"/message", `{"msg":"` + text + `","client_id":"ann","room":"r","id":"` + anID + `"}`, ""},
		"both":              {"/message?room=r&client_id=ann", `{"msg":"` + text + `","id":"` + anID + `"}`, "Application/JSON"},
		"form":              {"/message", "msg=" + escaped + "&client_id=ann&&room=r&id=" + anID, formType},
		"JSON by curl -d":   {"/message", `{"msg":"` + text + `","client_id":"ann","room":"r","id":"` + anID + `"}`, formType},
		"name with blanks":  {"/message?client_id=%20ann%E3%80%80&room=r&id=" + anID + "&msg=" + escaped, "", ""},
		"blank in query":    {"/message?client_id=%20", `{"msg":"` + text + `","client_id":"\ufeffann ","room":"r","id":"` + anID + `"}`, "application/json"},
		"room in the path":  {"/rooms/r/messages", `{"msg":"` + text + `","client_id":"ann","id":"` + anID + `"}`, "application/json"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMemory()
			w := do(newAPI(t, s), "POST", send[0], send[1], "Content-Type", send[2])
			var got chat.Message
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 202 {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			if got != want {
				t.Errorf("answered %+v, want %+v", got, want)
			}
			if stored := s.rooms["r"]; len(stored) != 1 || stored[0].Msg != msg {
				t.Errorf("stored %+v", stored)
			}
			if cc := w.Header().Get("Cache-Control"); cc != "no-store" {
				t.Errorf("Cache-Control %q", cc)
			}
		})
	}
}

// TestSend_RefusesAnotherTextUnderAnIDOfTheSameClient sends another text with an id that is used, in every form. Another client
// may use the id.
func TestSend_RefusesAnotherTextUnderAnIDOfTheSameClient(t *testing.T) {
	for name, send := range map[string][3]string{
		"query":            {"/message?msg=TEXT&client_id=NAME&room=r&id=" + anID, "", ""},
		"upper case id":    {"/message?msg=TEXT&client_id=NAME&room=r&id=" + strings.ToUpper(anID), "", ""},
		"JSON":             {"/message", `{"msg":"TEXT","client_id":"NAME","room":"r","id":"` + anID + `"}`, jsonType},
		"both":             {"/message?room=r&client_id=NAME", `{"msg":"TEXT","id":"` + anID + `"}`, jsonType},
		"form":             {"/message", "msg=TEXT&client_id=NAME&room=r&id=" + anID, formType},
		"name with blanks": {"/message?client_id=%20NAME%20&room=r&id=" + anID + "&msg=TEXT", "", ""},
		"room in the path": {"/rooms/r/messages", `{"msg":"TEXT","client_id":"NAME","id":"` + anID + `"}`, jsonType},
	} {
		t.Run(name, func(t *testing.T) {
			s := newMemory()
			a := newAPI(t, s)
			post := func(client, text string) *httptest.ResponseRecorder {
				fill := strings.NewReplacer("NAME", client, "TEXT", text)
				return do(a, "POST", fill.Replace(send[0]), fill.Replace(send[1]), "Content-Type", send[2])
			}
			for _, again := range []struct {
				client, text string
				status       int
			}{{"ann", "first", 202}, {"ann", "second", 409}, {"ann", "first", 202}, {"bob", "second", 202}, {"bob", "first", 409}, {"ann", "First", 409}} {
				w := post(again.client, again.text)
				if w.Code != again.status || w.Header().Get("Retry-After") != "" || strings.Contains(w.Body.String(), "irst") || strings.Contains(w.Body.String(), "second") {
					t.Errorf("%s sends %q: %d, Retry-After %q, %s, want %d and no text", again.client, again.text, w.Code, w.Header().Get("Retry-After"), w.Body, again.status)
				}
				if w.Code == 409 {
					if p := problemIn(t, w); p.Code != "conflict" || p.Detail != errs.Public(chat.ErrConflict) || len(p.Errors) > 0 {
						t.Errorf("the problem is %s", w.Body)
					}
				}
			}
			if log := s.rooms["r"]; len(log) != 2 || log[0].Msg != "first" || log[1].Msg != "second" {
				t.Errorf("stored %+v", log)
			}
		})
	}
}

// TestSend_ShowsTheTextOnlyUnderAnIDOfTheServer: under any other id another text may be kept.
func TestSend_ShowsTheTextOnlyUnderAnIDOfTheServer(t *testing.T) {
	a := newAPI(t, newMemory())
	for _, body := range []string{`{"msg":"hi <b>","client_id":"ann"}`, `{"msg":"hi <b>","client_id":"ann","id":""}`, `{"msg":"hi <b>","client_id":"ann","id":"` + anID + `"}`} {
		w := do(a, "POST", "/rooms/r/messages", body)
		var got map[string]string
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 202 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		if named := strings.Contains(body, anID); named != (got["msg"] == "") || !named && got["msg"] != "hi <b>" {
			t.Errorf("%s is answered %s", body, w.Body)
		}
		if got["id"] == "" || got["room"] != "r" || got["client_id"] != "ann" || got["sent_at"] != epoch.Format(chat.TimeFormat) {
			t.Errorf("%s is answered %s", body, w.Body)
		}
	}
}

func TestPostMessage_TakesTheLargestMessage(t *testing.T) {
	s := newMemory()
	a := newAPI(t, s)
	largest := strings.Repeat("\x01", chat.MaxMsgBytes)
	body := `{"client_id":"ann","msg":"` + strings.Repeat(`\u0001`, chat.MaxMsgBytes) + `"}`
	if w := do(a, "POST", "/message", body); w.Code != 202 {
		t.Errorf("JSON: %d %s", w.Code, w.Body)
	}
	if w := do(a, "POST", "/message?client_id=ann&msg="+url.QueryEscape(largest), ""); w.Code != 202 {
		t.Errorf("query: %d %s", w.Code, w.Body)
	}
	for _, m := range s.rooms["lobby"] {
		if m.Msg != largest {
			t.Errorf("stored a message of %d bytes", len(m.Msg))
		}
	}
}

func missed(t *testing.T, w *httptest.ResponseRecorder) (seqs []int64) {
	t.Helper()
	var list []chat.Message
	if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || w.Code != 200 {
		t.Fatalf("status %d: %v: %.200s", w.Code, err, w.Body)
	}
	for _, m := range list {
		seqs = append(seqs, m.Seq)
	}
	return seqs
}

func TestGetMissedMessages_SendsAllThatCameLater(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 2*chat.MaxPage+3)
	a := newAPI(t, s)
	at := func(n int) string { return url.QueryEscape(s.rooms["lobby"][n-1].StoredAt.Format(chat.TimeFormat)) }
	for since, want := range map[string]int{
		at(1): 2*chat.MaxPage + 2, at(2 * chat.MaxPage): 3, at(2*chat.MaxPage + 3): 0, at(chat.MaxPage + 3): chat.MaxPage,
		"2026-01-01": 2*chat.MaxPage + 3, "2027-01-01T00:00:00Z": 0,
	} {
		seqs := missed(t, do(a, "GET", "/messages/since?since="+since, ""))
		if len(seqs) != want {
			t.Errorf("since %s: %d messages, want %d", since, len(seqs), want)
		}
		for i, seq := range seqs {
			if seq != int64(2*chat.MaxPage+3-want+i+1) {
				t.Fatalf("since %s: number %d at index %d of %d", since, seq, i, want)
			}
		}
	}
	if w := do(a, "GET", "/messages/since?room=unknown&since=2026-01-01", ""); w.Body.String() != "[]\n" {
		t.Errorf("unknown room: %q", w.Body)
	}
}

func TestGetMissedMessages_LinksPagesWithoutAHole(t *testing.T) {
	s := newMemory()
	fill(t, s, "a", 10)
	a := newAPI(t, s)
	for limit := 1; limit <= 11; limit++ {
		var all []int64
		next := fmt.Sprintf("/messages/since?since=2026-01-01&room=a&limit=%d", limit)
		for range 20 {
			w := do(a, "GET", next, "")
			all = append(all, missed(t, w)...)
			link := w.Header().Get("Link")
			if link == "" {
				break
			}
			var ok bool
			if next, ok = strings.CutSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`); !ok {
				t.Fatalf("Link %q", link)
			}
		}
		if fmt.Sprint(all) != "[1 2 3 4 5 6 7 8 9 10]" {
			t.Errorf("limit %d: %v", limit, all)
		}
	}
}

func TestGetMissedMessages_BreaksOffRatherThanEndEarly(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 3*chat.MaxPage)
	reads := 0
	srv := httptest.NewServer(auth.Open(newAPI(t, s, func(c *Config) {
		c.History = afterFunc{s, func(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
			if reads++; reads == 3 {
				return nil, errs.Wrap(errs.Unavailable, errors.New("closed"), "the database is away")
			}
			return s.After(ctx, room, seq, limit)
		}}
	})))
	defer srv.Close()
	res, err := srv.Client().Get(srv.URL + "/messages/since?since=2026-01-01")
	if err != nil {
		return // the connection ended before the header, which no client takes for an answer
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("an answer of %d bytes, cut short, ended like a whole one", len(body))
	}
}

type afterFunc struct {
	History
	after func(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error)
}

func (f afterFunc) After(ctx context.Context, room string, seq int64, limit int) ([]chat.Message, error) {
	return f.after(ctx, room, seq, limit)
}

func TestGetMissedMessages_AnswersAFailedFirstReadWithAProblem(t *testing.T) {
	for _, call := range []string{"SeqAt", "After", "Room"} {
		s := newMemory()
		fill(t, s, "lobby", chat.MaxPage)
		s.err, s.failing = errs.Wrap(errs.Unavailable, errors.New("x"), "the database is away"), map[string]bool{call: true}
		w := do(newAPI(t, s), "GET", "/messages/since?since=2026-01-01", "")
		if p := problemIn(t, w); p.Status != 503 || p.Detail != "the database is away; try again" {
			t.Errorf("%s: %s", call, w.Body)
		}
	}
}

func TestListMessages_Pages(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 10)
	a := newAPI(t, s)
	for _, tt := range []struct{ query, seqs, next string }{
		{"", "[1 2 3 4 5 6 7 8 9 10]", ""},
		{"?limit=3", "[8 9 10]", "/rooms/lobby/messages?before=8&epoch=e0e0e0e0e0e0e0e0&limit=3"},
		{"?before=8&limit=3", "[5 6 7]", "/rooms/lobby/messages?before=5&epoch=e0e0e0e0e0e0e0e0&limit=3"},
		{"?before=3&limit=3", "[1 2]", ""},
		{"?before=3&limit=1", "[2]", "/rooms/lobby/messages?before=2&epoch=e0e0e0e0e0e0e0e0&limit=1"},
		{"?before=0", "[]", ""},
		{"?after=0&limit=3", "[1 2 3]", "/rooms/lobby/messages?after=3&epoch=e0e0e0e0e0e0e0e0&limit=3"},
		{"?after=7&limit=3", "[8 9 10]", ""},
		{"?after=10", "[]", ""},
		{"?before=9223372036854775807&limit=1", "[10]", "/rooms/lobby/messages?before=10&epoch=e0e0e0e0e0e0e0e0&limit=1"},
		{"?since=2026-01-02T03:04:05.000008Z", "[9 10]", ""},
		{"?since=2026-01-02T05:04:05.000008+02:00&limit=1", "[9]", "/rooms/lobby/messages?after=9&epoch=e0e0e0e0e0e0e0e0&limit=1"},
	} {
		w := do(a, "GET", "/rooms/lobby/messages"+tt.query, "")
		var page struct {
			Messages           []chat.Message
			LastSeq, OldestSeq int64
			Next               string
			Last               int64 `json:"last_seq"`
			Oldest             int64 `json:"oldest_seq"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %s", tt.query, w.Code, w.Body)
		}
		seqs := []int64{}
		for _, m := range page.Messages {
			seqs = append(seqs, m.Seq)
		}
		if fmt.Sprint(seqs) != tt.seqs || page.Next != tt.next || page.Last != 10 || page.Oldest != 1 {
			t.Errorf("%s: %v, next %q, last %d, oldest %d", tt.query, seqs, page.Next, page.Last, page.Oldest)
		}
	}
	if w := do(a, "GET", "/rooms/unknown/messages", ""); w.Body.String() != `{"messages":[],"last_seq":0,"oldest_seq":0,"epoch":"e0e0e0e0e0e0e0e0"}`+"\n" {
		t.Errorf("unknown room: %s", w.Body)
	}
}

func TestListRooms_Pages(t *testing.T) {
	s := newMemory()
	for _, room := range []string{"a", "b", "c"} {
		fill(t, s, room, 2)
	}
	a := newAPI(t, s)
	first := do(a, "GET", "/rooms?limit=2", "").Body.String()
	if first != `{"rooms":[{"name":"a","last_seq":2,"oldest_seq":1,"last_stored_at":"2026-01-02T03:04:05.000002Z"},`+
		`{"name":"b","last_seq":2,"oldest_seq":1,"last_stored_at":"2026-01-02T03:04:05.000002Z"}],"epoch":"e0e0e0e0e0e0e0e0","next":"/rooms?after=b\u0026limit=2"}`+"\n" &&
		first != strings.ReplaceAll(first, `\u0026`, "&") {
		t.Errorf("first page %s", first)
	}
	if w := do(a, "GET", "/rooms?after=b&limit=2", ""); !strings.Contains(w.Body.String(), `"name":"c"`) || strings.Contains(w.Body.String(), "next") {
		t.Errorf("second page %s", w.Body)
	}
	if w := do(newAPI(t, newMemory()), "GET", "/rooms", ""); w.Body.String() != `{"rooms":[],"epoch":"e0e0e0e0e0e0e0e0"}`+"\n" {
		t.Errorf("no rooms: %s", w.Body)
	}
}

func TestReads_TakeATimeAsTheManualSays(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 2)
	a := newAPI(t, s)
	for _, path := range []string{"/messages/since?since=", "/rooms/lobby/messages?since="} {
		for _, since := range []string{
			"2016-12-31T23:59:60Z", "2020-01-01T00:00:00.5+01:00", "2020-01-01T00:00:00%2B0100", "2020-01-01+00:00Z", "2020-01-01T00:00:00+01", "2020-01-01",
		} {
			if w := do(a, "GET", path+since, ""); w.Code != 200 || strings.Count(w.Body.String(), `"seq"`) != 2 {
				t.Errorf("%s%s: %d %s", path, since, w.Code, w.Body)
			}
		}
		for since, want := range map[string]string{
			"2020-01-01T00:00": "must name its time zone: add Z", "2020-01-01+01:00": "must name its time zone" /* the plus sign is a space */, "15:04": "must have a date and name its time zone",
			"yesterday": "must be a time of RFC 3339", "2020-02-30": "not a day of the calendar",
		} {
			w := do(a, "GET", path+since, "")
			if p := problemIn(t, w); w.Code != 422 || len(p.Errors) != 1 || p.Errors[0].Field != "since" || !strings.Contains(p.Errors[0].Message, want) {
				t.Errorf("%s%s: %d %s", path, since, w.Code, w.Body)
			}
		}
	}
}

func TestStreamRoom_HistoryThenLive(t *testing.T) {
	s := newMemory()
	fill(t, s, "lobby", 3)
	srv := httptest.NewServer(auth.Open(newAPI(t, s)))
	defer srv.Close()
	for _, tt := range []struct {
		query, lastEventID string
		first              int
	}{{"?after=1", "", 2}, {"?after=0", "", 1}, {"?after=0", "3", 4}, {"", "", 4}} {
		stored := len(s.rooms["lobby"])
		first := tt.first
		if tt.query == "" {
			first = stored + 1 // from now
		}
		readEvents(t, srv, "/rooms/lobby/events"+tt.query, tt.lastEventID, first, stored+1, func() { fill(t, s, "lobby", 1) })
	}
}

// readEvents opens a stream, calls then, and expects the messages first to last.
func readEvents(t *testing.T, srv *httptest.Server, target, lastEventID string, first, last int, then func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "GET", srv.URL+target, nil)
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if h := res.Header; res.StatusCode != 200 || h.Get("Content-Type") != "text/event-stream" || !strings.Contains(h.Get("Cache-Control"), "no-store") || h.Get("X-Accel-Buffering") != "no" {
		t.Errorf("status %d, header %v", res.StatusCode, h)
	}
	then()
	scan := bufio.NewScanner(res.Body)
	for want := first; want <= last; {
		if !scan.Scan() {
			t.Errorf("%s %s: the stream ended before %d: %v", target, lastEventID, want, scan.Err())
			return
		}
		if id, ok := strings.CutPrefix(scan.Text(), "id: "); ok {
			if id != fmt.Sprint(want) {
				t.Errorf("%s %s: number %s, want %d", target, lastEventID, id, want)
				return
			}
			want++
		}
	}
}

func TestStreamRoom_Refuses(t *testing.T) {
	s := newMemory()
	a := newAPI(t, s)
	if p := problemIn(t, do(a, "GET", "/rooms/lobby/events", "", "Last-Event-ID", "x")); p.Status != 422 || p.Errors[0].Field != "Last-Event-ID" {
		t.Errorf("bad Last-Event-ID: %+v", p)
	}
	s.err = errs.Wrap(errs.Unavailable, errors.New("x"), "the database is away")
	if p := problemIn(t, do(a, "GET", "/rooms/lobby/events", "")); p.Status != 503 {
		t.Errorf("failing store: %+v", p)
	}
	if w := do(a, "HEAD", "/rooms/lobby/events", ""); w.Code != 200 || w.Header().Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %v", w.Code, w.Header())
	}
}
