package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"restante/internal/audit"
	"restante/internal/auth"
	"restante/internal/errs"
	"restante/internal/forward"
)

// noted returns what the server notes while do runs, in a few words for each line.
func noted(t *testing.T, do func(s *Server)) (lines []string) {
	t.Helper()
	var out bytes.Buffer
	l, err := audit.Open(audit.Config{Log: slog.New(slog.NewJSONHandler(&out, nil))})
	if err != nil {
		t.Fatal(err)
	}
	do(&Server{audit: l})
	if err := l.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(out.Bytes()) {
		var e struct{ Event, Outcome, Reason, Sub, Action, Room string }
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s %s %s %s", e.Event, e.Outcome, e.Reason, e.Sub, e.Action, e.Room))
	}
	return lines
}

func TestAudit_NotesRefusalsWhereAClientIsNeeded(t *testing.T) {
	away := &errs.Error{Code: errs.Unavailable, Msg: "away"}
	for name, tc := range map[string]struct {
		method, path string
		err          error
		header       string
		want         string
	}{
		"a request":            {"GET", "/rooms", errors.New("x"), "", "refused failed unavailable  GET /rooms "},
		"no keys":              {"GET", "/rooms", away, "", "refused failed unavailable  GET /rooms "},
		"the hub":              {"POST", "/messageHub/negotiate", away, "", "refused failed unavailable  /messageHub "},
		"the page":             {"GET", "/", away, "", ""},
		"a probe":              {"GET", "/healthz", away, "", ""},
		"a preflight":          {"OPTIONS", "/messageHub/negotiate", away, "", ""},
		"of another node":      {"GET", "/rooms", away, forward.Header, ""},
		"a question of a node": {"GET", "/rooms", away, "Asked", ""},
	} {
		got := noted(t, func(s *Server) {
			r := httptest.NewRequest(tc.method, tc.path, nil)
			if tc.header != "" {
				r.Header.Set(tc.header, "x")
			}
			r = r.WithContext(auth.Refused(r.Context(), tc.err))
			asked := func(r *http.Request) bool { return r.Header.Get("Asked") != "" }
			s.notingRefusals(asked, http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
		})
		if text := fmt.Sprint(got); tc.want == "" && len(got) != 0 || tc.want != "" && text != "["+tc.want+"]" {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestAudit_NotesWhatOperatorsAskFor(t *testing.T) {
	got := noted(t, func(s *Server) {
		for _, path := range []string{"/metrics", "/rooms"} { // as if the second one were for operators
			r := httptest.NewRequest(http.MethodGet, path, nil)
			s.operated(r.WithContext(auth.With(r.Context(), &auth.Client{ID: "root", Admin: true})))
		}
	})
	if len(got) != 1 || got[0] != "admin ok  root GET /rooms " {
		t.Errorf("%q", got)
	}
}

func TestAudit_NotesWhyAClientWasDenied(t *testing.T) {
	client := &auth.Client{ID: "ann", Rooms: auth.Rooms{"lobby"}}
	got := noted(t, func(s *Server) {
		ctx := auth.With(t.Context(), client)
		s.deniedCall(ctx, "JoinRoom", client.CanRead("board"))
		s.deniedCall(ctx, "SendMessage", client.CanSend("lobby", "ann"))
		s.deniedCall(ctx, "SendMessage", client.CanSend("lobby", "bob"))
		r := httptest.NewRequest(http.MethodPost, "/message", nil).WithContext(ctx)
		s.deniedRequest(r, "r-1", &errs.Error{Code: errs.Forbidden, Msg: "no"})
		s.deniedHub(r, "origin")
	})
	want := []string{
		"denied refused room ann /messageHub JoinRoom board", "denied refused read_only ann /messageHub SendMessage lobby",
		"denied refused client_id ann /messageHub SendMessage lobby", "denied refused other ann POST /message ", "denied refused origin ann /messageHub ",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%q, want %q", got, want)
	}
}
