package e2e

import (
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/testkit"
)

// The commands of the README, sent as curl sends them.
func TestContract_CurlLinesWork(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		curl := testkit.Need(t, "curl")
		s := rig.Start(t, testkit.Options{})
		run := func(args ...string) string {
			t.Helper()
			return testkit.Run(t, "", curl, append([]string{"--silent", "--show-error", "--fail-with-body", "--max-time", "20", "--noproxy", "*"}, args...)...)
		}
		empty := run(s.URL() + "/messages/since?since=2026-01-01T00:00:00Z")
		if strings.TrimSpace(empty) != "[]" {
			t.Errorf("nothing missed is %q, want []", empty)
		}
		var accepted chat.Message
		decode(t, []byte(run("-X", "POST", s.URL()+"/message?msg=hi&client_id=ann")), &accepted)
		if accepted.Msg != "hi" || accepted.ClientID != "ann" || accepted.Room != "lobby" || accepted.ID == "" || accepted.SentAt.IsZero() || accepted.Seq != 0 {
			t.Errorf("accepted %+v", accepted)
		}
		run("-H", "Content-Type: application/json", "-d", `{"msg":"json 👋","client_id":"bob"}`, s.URL()+"/message")
		run("-d", `{"msg":"rooms api","client_id":"bob"}`, "-H", "Content-Type: application/json", s.URL()+"/rooms/lobby/messages")
		s.WaitSeq("lobby", 3)
		var missed []chat.Message
		decode(t, []byte(run(s.URL()+"/messages/since?since=2026-01-01T00:00:00Z")), &missed)
		if len(missed) != 3 || missed[0].Msg != "hi" || missed[1].Msg != "json 👋" || missed[0].Seq != 1 || missed[2].Seq != 3 || missed[0].ID != accepted.ID {
			t.Errorf("missed %+v", missed)
		}
		stream := run("-N", "--max-time", "2", "-o", "-", s.URL()+"/rooms/lobby/messages?after=0")
		if !strings.Contains(stream, `"last_seq":3`) {
			t.Errorf("history: %s", stream)
		}
	})
}

func TestContract_SinceIsExactAndNeverSkips(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		const n = 30
		for range n {
			get(t, "POST", s.URL()+"/message?msg=x&client_id=ann", 202)
		}
		s.WaitSeq("lobby", n)
		all := s.ReadRoom("lobby")
		for i, m := range all {
			var exact, truncated []chat.Message
			body, _ := get(t, "GET", s.URL()+"/messages/since?since="+m.StoredAt.Format(chat.TimeFormat), 200)
			decode(t, body, &exact)
			if len(exact) != n-i-1 || len(exact) > 0 && exact[0].Seq != m.Seq+1 {
				t.Fatalf("since the time of number %d there are %d messages", m.Seq, len(exact))
			}
			body, _ = get(t, "GET", s.URL()+"/messages/since?since="+m.StoredAt.Truncate(time.Millisecond).Format("2006-01-02T15:04:05.000Z"), 200)
			decode(t, body, &truncated)
			if len(truncated) < len(exact) {
				t.Fatalf("a truncated time skips: %d of %d", len(truncated), len(exact))
			}
		}
	})
}

func TestContract_SinceGivesEverythingWithoutALimit(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		const n = 1200 // more than two pages
		testkit.Run(t, strings.Repeat("line\n", n), testkit.Binary(t), "send", "--url", s.URL(), "--client-id", "ann", "--quiet")
		s.WaitSeq("lobby", n)
		var missed, page []chat.Message
		body, _ := get(t, "GET", s.URL()+"/messages/since?since=2026-01-01T00:00:00%2B01:00", 200)
		decode(t, body, &missed)
		if len(missed) != n || missed[n-1].Seq != n {
			t.Errorf("%d messages, want %d", len(missed), n)
		}
		body, header := get(t, "GET", s.URL()+"/messages/since?since=2026-01-01T00:00:00Z&limit=500", 200)
		decode(t, body, &page)
		if len(page) != 500 || !strings.Contains(header.Get("Link"), `rel="next"`) {
			t.Errorf("page of %d, Link %q", len(page), header.Get("Link"))
		}
	})
}

func TestContract_ErrorsNameTheField(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		for path, c := range map[string]struct {
			method string
			status int
			want   string
		}{
			"/message?client_id=ann":                               {"POST", 422, "msg"},
			"/message?msg=x":                                       {"POST", 422, "client_id"},
			"/message?msg=x&client_id=ann&room=UPPER":              {"POST", 422, "room"},
			"/message?msg=x&client_id=ann&id=7":                    {"POST", 422, "id"},
			"/message?msg=%ff&client_id=ann":                       {"POST", 422, "msg"},
			"/messages/since?since=yesterday":                      {"GET", 422, "since"},
			"/messages/since":                                      {"GET", 422, "since"},
			"/rooms/lobby/messages?limit=0":                        {"GET", 422, "limit"},
			"/rooms/lobby/messages?after=1&before=2":               {"GET", 422, "after"},
			"/rooms/lobby/messages?after=x":                        {"GET", 422, "after"},
			"/rooms/lobby/messages?after=1000":                     {"GET", 422, "after"},
			"/messages/since?after=1000":                           {"GET", 422, "after"},
			"/rooms/lobby/events?after=1000":                       {"GET", 422, "after"},
			"/rooms/lobby/events?epoch=a":                          {"GET", 422, "epoch"},
			"/nowhere":                                             {"GET", 404, "not_found"},
			"/message?msg=x&client_id=ann&rom=management":          {"POST", 422, "rom"},
			"/message?msg=R&D+budget&client_id=ann&room=r5":        {"POST", 422, "D budget"},
			"/rooms/lobby/events?afer=1":                           {"GET", 422, "afer"},
			"/rooms/lobby/events?lastEventId=1000":                 {"GET", 422, "lastEventId"},
			"/rooms/lobby/events?after=":                           {"GET", 422, "after"},
			"/rooms/lobby/messages?Room=a":                         {"GET", 422, "Room"},
			"/messages/since?since=":                               {"GET", 422, "since"},
			"/rooms?limit=":                                        {"GET", 422, "limit"},
			"/rooms?prefix=Team":                                   {"GET", 422, "prefix"},
			"/rooms?name=a%20b":                                    {"GET", 422, "name"},
			"/rooms?name=a&prefix=b":                               {"GET", 422, "prefix"},
			"/rooms?" + strings.Repeat("name=a&", 201):             {"GET", 422, "name"},
			"/message?msg=x&client_id=" + strings.Repeat("x", 129): {"POST", 422, "client_id"},
		} {
			body, header := get(t, c.method, s.URL()+path, c.status)
			if !strings.Contains(string(body), c.want) || !strings.HasPrefix(header.Get("Content-Type"), "application/problem+json") {
				t.Errorf("%s %.60s: %s %s", c.method, path, header.Get("Content-Type"), body)
			}
		}
	})
}

// The addresses that an operator uses.
func TestContract_ProbesAndDocuments(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		get(t, "POST", s.URL()+"/message?msg=x&client_id=ann", 202)
		s.WaitSeq("lobby", 1)
		for path, want := range map[string]string{
			"/healthz": "", "/readyz": "", "/version": "version", "/metrics": "restante_", "/openapi.json": "GetMissedMessages",
			"/docs": "PostMessage", "/": "<html", "/rooms": `"lobby"`,
		} {
			body, _ := get(t, "GET", s.URL()+path, 200)
			if !strings.Contains(string(body), want) {
				t.Errorf("%s lacks %q: %.300s", path, want, body)
			}
		}
		openapi, _ := get(t, "GET", s.URL()+"/openapi.json", 200)
		for _, id := range []string{"PostMessage", "SendToRoom", "ListMessages", "StreamRoom", "ListRooms"} {
			if !strings.Contains(string(openapi), `"`+id+`"`) {
				t.Errorf("no operation %s in /openapi.json", id)
			}
		}
	})
}

// A client that keeps the epoch beside its number is told when that is of another one, at every door.
func TestContract_CursorsOfAnotherEpochAreTold(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		s := rig.Start(t, testkit.Options{})
		const n = 3
		for range n {
			get(t, "POST", s.URL()+"/message?msg=x&client_id=ann", 202)
		}
		s.WaitSeq("lobby", n)
		var version, page, rooms struct {
			Store, Epoch string
			Reset        *chat.Reset
		}
		body, _ := get(t, "GET", s.URL()+"/version", 200)
		decode(t, body, &version)
		body, _ = get(t, "GET", s.URL()+"/rooms", 200)
		decode(t, body, &rooms)
		body, _ = get(t, "GET", s.URL()+"/rooms/lobby/messages?after=2&epoch="+version.Epoch, 200)
		decode(t, body, &page)
		if version.Store == "" || version.Epoch == "" || page.Epoch != version.Epoch || rooms.Epoch != version.Epoch || page.Reset != nil {
			t.Errorf("version %+v, rooms %+v, page %+v", version, rooms, page)
		}
		want := chat.Reset{Room: "lobby", Reason: chat.ReasonEpoch, Epoch: version.Epoch, LastSeq: n}
		body, _ = get(t, "GET", s.URL()+"/rooms/lobby/messages?after=1000&epoch=another", 200)
		decode(t, body, &page)
		if page.Reset == nil || *page.Reset != want {
			t.Errorf("page: %s", body)
		}
		body, header := get(t, "GET", s.URL()+"/messages/since?after=1000&epoch=another", 200)
		var missed []chat.Message
		decode(t, body, &missed)
		var told chat.Reset
		decode(t, []byte(header.Get("Restante-Reset")), &told)
		if told != want || len(missed) != n || header.Get("Restante-Epoch") != version.Epoch {
			t.Errorf("missed: %v %s", header, body)
		}
	})
}
