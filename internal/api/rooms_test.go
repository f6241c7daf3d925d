package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"restante/internal/auth"
	"restante/internal/chat"
	"restante/internal/errs"
)

// directory is an answer of GET /rooms.
type directory struct {
	Rooms []struct {
		Name         string
		LastSeq      int64  `json:"last_seq"`
		OldestSeq    int64  `json:"oldest_seq"`
		LastStoredAt string `json:"last_stored_at"`
	}
	Epoch, Next string
}

func (l *directory) names() (names []string) {
	for _, r := range l.Rooms {
		names = append(names, r.Name)
	}
	return names
}

func roomsIn(t *testing.T, w *httptest.ResponseRecorder) (out directory) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != 200 || out.Epoch != epochIDs[0] {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return out
}

func filled(t *testing.T, names ...string) *memoryLog {
	t.Helper()
	s := newMemory()
	for i, name := range names {
		fill(t, s, name, i+1)
	}
	return s
}

func TestListRooms_OfAPrefix(t *testing.T) {
	names := []string{"a", "team", "team-1", "team-2", "team-2.b", "team.1", "team_1", "teams", "z"}
	a := newAPI(t, filled(t, names...))
	for _, prefix := range []string{"", "t", "team", "team-", "team.", "team_", "team-2", "team-2.b", "team-3", "teams", "z", "z0", "0"} {
		var want []string
		for _, name := range names {
			if strings.HasPrefix(name, prefix) {
				want = append(want, name)
			}
		}
		for limit := 1; limit < len(names)+2; limit++ {
			var got []string
			for next := fmt.Sprintf("/rooms?prefix=%s&limit=%d", prefix, limit); next != ""; {
				page := roomsIn(t, do(a, "GET", next, ""))
				got, next = append(got, page.names()...), page.Next
				if rest := len(want) - len(got); prefix != "" && (next != "") != (rest > 0) {
					t.Errorf("prefix %q, limit %d: next %q, and %d are to come", prefix, limit, next, rest)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("prefix %q, limit %d: %q, want %q", prefix, limit, got, want)
			}
		}
	}
	if page := roomsIn(t, do(a, "GET", "/rooms?prefix=team&after=team-2", "")); page.Rooms[0].Name != "team-2.b" || page.Rooms[0].LastSeq != 5 || page.Rooms[0].LastStoredAt == "" {
		t.Errorf("%+v", page)
	}
}

func TestListRooms_OfNames(t *testing.T) {
	a := newAPI(t, filled(t, "a", "b", "c", "d"))
	for query, want := range map[string]string{
		"name=b": "b", "name=c&name=a": "a c", "name=c&name=c&name=absent&name=a&name=c": "a c", "name=absent": "", "name=%61": "a", "&name=a&&other=1&name=b&": "a b",
	} {
		page := roomsIn(t, do(a, "GET", "/rooms?"+query, ""))
		if got := strings.Join(page.names(), " "); got != want || page.Next != "" {
			t.Errorf("%s: %q, next %q, want %q", query, got, page.Next, want)
		}
	}
	w := do(a, "GET", "/rooms?name=b", "")
	if want := `{"rooms":[{"name":"b","last_seq":2,"oldest_seq":1,"last_stored_at":"2026-01-02T03:04:05.000002Z"}],"epoch":"e0e0e0e0e0e0e0e0"}` + "\n"; w.Body.String() != want {
		t.Errorf("%s, want %s", w.Body, want)
	}
	if w := do(a, "GET", "/rooms?name=absent", ""); w.Body.String() != `{"rooms":[],"epoch":"e0e0e0e0e0e0e0e0"}`+"\n" {
		t.Errorf("%s", w.Body)
	}
	longest := url.Values{}
	for i := range 200 {
		longest.Add("name", fmt.Sprintf("%064d", i))
	}
	longest["name"][117] = "c"
	if page := roomsIn(t, do(a, "GET", "/rooms?"+longest.Encode(), "")); len(page.Rooms) != 1 || page.Rooms[0].Name != "c" {
		t.Errorf("200 long names: %+v", page)
	}
}

func TestListRooms_RefusesWhatIsNoNameOrPrefix(t *testing.T) {
	for _, tt := range []struct{ query, fields, message string }{
		{"prefix=Team", "prefix", "must be the beginning of a room's name"},
		{"prefix=a%20b", "prefix", "must be the beginning"},
		{"prefix=-a", "prefix", "must be the beginning"},
		{"prefix=a*", "prefix", "must be the beginning"},
		{"prefix=a%25", "prefix", "must be the beginning"},
		{"prefix=a%00", "prefix", "must be the beginning"},
		{"prefix=%C3%A9", "prefix", "must be the beginning"},
		{"prefix=%ff", "prefix", "must be valid UTF-8"},
		{"prefix=" + strings.Repeat("a", 65), "prefix", "must be the beginning"},
		{"prefix=a&prefix=b", "prefix", "is given more than once"},
		{"prefix=a&limit=0", "limit", ">= 1"},
		{"prefix=a&limit=501", "limit", "<= 500"},
		{"Prefix=a", "Prefix", "it is written prefix"},
		{"name=A", "name", "must be 1 to 64"},
		{"name=a&name=b,c", "name", "must be 1 to 64"},
		{"name=a&name=b;c", "name", "must be 1 to 64"},
		{"name=a&name=", "name", "is empty"},
		{"name=a&name=%ff", "name", "must be valid UTF-8"},
		{"name=a%zz", "name", "has a '%'"},
		{"name=" + strings.Repeat("a", 65), "name", "must be 1 to 64"},
		{"name[]=a", "name[]", "it is written name"},
		{"names=a", "names", "it is written name"},
		{"name=a&prefix=b", "prefix", "cannot be combined with name"},
		{"name=a&after=b", "after", "cannot be combined with name"},
		{"name=a&limit=1", "limit", "cannot be combined with name"},
		{"name=A&prefix=B&after=c&limit=9", "prefix name after prefix limit", "must be"},
		{strings.Repeat("name=a&", chat.MaxNames+1), "name", fmt.Sprintf("may be given %d times at most", chat.MaxNames)},
		{strings.Repeat("name=a&", 30_000), "name", "may be given 200 times at most"},
	} {
		s := filled(t, "a", "b")
		s.err = errors.New("the store was asked")
		w := do(newAPI(t, s), "GET", "/rooms?"+tt.query, "")
		var fields []string
		p := problemIn(t, w)
		for _, e := range p.Errors {
			fields = append(fields, e.Field)
		}
		code := map[bool]int{false: 422, true: 400}[strings.Contains(tt.query, "%zz")]
		if w.Code != code || strings.Join(fields, " ") != tt.fields || !strings.Contains(p.Errors[0].Message, tt.message) {
			t.Errorf("%.60s: %d %s, want the fields %q", tt.query, w.Code, w.Body, tt.fields)
		}
	}
}

// What a client may not read is as what does not exist, and does not count towards the limit.
func TestListRooms_ShowsOnlyWhatTheClientMayRead(t *testing.T) {
	a := newAPI(t, filled(t, "secret", "team-a", "team-b", "team-c", "team-d", "team-secret"), guarded)
	ann := &auth.Client{ID: "ann", Rooms: auth.Rooms{"team-a", "team-c*", "team-d"}}
	page := roomsIn(t, as(ann, a, "GET", "/rooms?prefix=team-&limit=2", ""))
	if got := strings.Join(page.names(), " "); got != "team-a team-c" || page.Next != "/rooms?after=team-c&limit=2&prefix=team-" {
		t.Errorf("%q, next %q", got, page.Next)
	}
	page = roomsIn(t, as(ann, a, "GET", page.Next, ""))
	if got := strings.Join(page.names(), " "); got != "team-d" || page.Next != "" {
		t.Errorf("%q, next %q", got, page.Next)
	}
	// The list is complete: the rooms that follow are for others.
	if page := roomsIn(t, as(ann, a, "GET", "/rooms?prefix=team-d&limit=1", "")); len(page.Rooms) != 1 || page.Next != "" {
		t.Errorf("%+v", page)
	}
	var answers []string
	for _, query := range []string{"name=secret&name=team-secret", "name=absent", "prefix=s", "prefix=absent"} {
		answers = append(answers, as(ann, a, "GET", "/rooms?"+query, "").Body.String())
	}
	if slices.Sort(answers); answers[0] != answers[3] {
		t.Errorf("answers tell rooms apart: %q", answers)
	}
	if page := roomsIn(t, as(ann, a, "GET", "/rooms?name=secret&name=team-c&name=team-b", "")); len(page.Rooms) != 1 || page.Rooms[0].Name != "team-c" {
		t.Errorf("%+v", page)
	}
}

func TestListRooms_IsOfOneEpoch(t *testing.T) {
	for _, query := range []string{"", "?prefix=lob&limit=3", "?name=lobby"} {
		for times, status := range map[int]int{0: 200, 1: 200, 2: 503} {
			s := filled(t, "lobby", "lobby2")
			a := newAPI(t, s, func(c *Config) {
				c.Rooms = &leaving{Directory: s, leave: func() { s.goBack("lobby", 1) }, times: times}
			})
			w := do(a, "GET", "/rooms"+query, "")
			if w.Code != status || status == 200 && !strings.Contains(w.Body.String(), `"epoch":"`+epochIDs[times]+`"`) {
				t.Errorf("%s went back %d times: %d %s", query, times, w.Code, w.Body)
			}
		}
	}
}

func TestListRooms_WhileTheStoreIsAway(t *testing.T) {
	for _, query := range []string{"", "?prefix=a&limit=1", "?name=a"} {
		s := filled(t, "a", "b")
		s.err = &errs.Error{Code: errs.Unavailable, Msg: "the store is away"}
		if w := do(newAPI(t, s), "GET", "/rooms"+query, ""); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", query, w.Code, w.Body)
		}
	}
}
