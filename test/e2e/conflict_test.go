package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"restante/internal/load"
	"restante/internal/testkit"
)

// door is a way to post a message over HTTP.
type door struct{ path, contentType, body string }

// doors are all of them. ROOM, NAME, ID and TEXT stand for the fields of the message.
var doors = map[string]door{
	"the query":          {"/message?room=ROOM&client_id=NAME&id=ID&msg=TEXT", "", ""},
	"a form":             {"/message", "application/x-www-form-urlencoded", "room=ROOM&client_id=NAME&id=ID&msg=TEXT"},
	"JSON":               {"/message", "application/json", `{"room":"ROOM","client_id":"NAME","id":"ID","msg":"TEXT"}`},
	"the query and JSON": {"/message?room=ROOM&client_id=NAME", "application/json", `{"id":"ID","msg":"TEXT"}`},
	"a room":             {"/rooms/ROOM/messages", "application/json", `{"client_id":"NAME","id":"ID","msg":"TEXT"}`},
}

// send posts a message, and returns the answer.
func (d door) send(t *testing.T, base, room, name, id, text string) (status int, header http.Header, answer string) {
	t.Helper()
	query := strings.NewReplacer("ROOM", room, "NAME", url.QueryEscape(name), "ID", id, "TEXT", text)
	body := strings.NewReplacer("ROOM", room, "NAME", name, "ID", id, "TEXT", text)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+query.Replace(d.path), strings.NewReader(body.Replace(d.body)))
	if err != nil {
		t.Fatal(err)
	}
	if d.contentType != "" {
		req.Header.Set("Content-Type", d.contentType)
	}
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// checkDoor posts two texts under one id through a door, by several senders. The second text of a sender is answered with status. A text
// is shown only by one machine, and only if it is kept.
func checkDoor(t *testing.T, d door, base, room string, status int) {
	t.Helper()
	id := uuid.NewString()
	for _, m := range []struct {
		name, id, text string
		status         int
	}{
		{"ann", id, "first", 202}, {"ann", id, "second", status}, {"ann", strings.ToUpper(id), "third", status}, {" ann ", id, "third", status},
		{"ann", id, "first", 202}, {"bob", id, "second", 202}, {"bob", id, "first", status},
	} {
		got, header, answer := d.send(t, base, room, m.name, m.id, m.text)
		shows := strings.Contains(answer, "first") || strings.Contains(answer, "second") || strings.Contains(answer, "third")
		kept := status == 409 && m.status == 202
		if got != m.status || header.Get("Retry-After") != "" || shows != kept {
			t.Errorf("%s sends %q: %d %v %s, want %d, and the text: %v", m.name, m.text, got, header, answer, m.status, kept)
		}
		if got == 409 && (!strings.Contains(answer, `"code":"conflict"`) || header.Get("Content-Type") != "application/problem+json") {
			t.Errorf("the conflict is answered %v %s", header, answer)
		}
	}
}

// stored returns the senders and texts of a room, once it has n messages.
func stored(t *testing.T, s *testkit.Server, room string, n int) (texts []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := load.WaitSeq(ctx, s.URL(), room, int64(n)); err != nil {
		t.Fatal(err)
	}
	for _, m := range s.ReadRoom(room) {
		texts = append(texts, m.ClientID+": "+m.Msg)
	}
	return texts
}

// Another text of the same sender under a used id is refused at every door of one machine, and nowhere kept or shown. On many
// machines it is accepted and becomes a dead letter, also when another node forwards it. Another sender's text is a message.
func TestConflict_AtEveryDoor(t *testing.T) {
	one := testkit.Start(t, testkit.Options{})
	cluster := testkit.NewCluster(t)
	many := cluster.Start(t, testkit.Options{})
	front := cluster.Start(t, testkit.Options{}, "hub") // it forwards what is posted
	i := 0
	for name, d := range doors {
		i++
		t.Run(name, func(t *testing.T) {
			room, forwarded := fmt.Sprint("door-", i), fmt.Sprint("forwarded-", i)
			checkDoor(t, d, one.URL(), room, 409)
			checkDoor(t, d, many.URL(), room, 202)
			checkDoor(t, d, front.URL(), forwarded, 202)
			for _, of := range []struct {
				s    *testkit.Server
				room string
			}{{one, room}, {many, room}, {many, forwarded}} {
				if _, _, answer := d.send(t, of.s.URL(), of.room, "eve", uuid.NewString(), "last"); !strings.Contains(answer, `"sent_at"`) {
					t.Errorf("the last one is answered %s", answer)
				}
				if got := fmt.Sprint(stored(t, of.s, of.room, 3)); got != "[ann: first bob: second eve: last]" {
					t.Errorf("room %s has %s", of.room, got)
				}
			}
		})
	}
}

// The official client over every transport and protocol.
func TestConflict_OverTheHub(t *testing.T) {
	for _, shape := range []struct {
		rig     testkit.Rig
		outcome string
	}{{testkit.Rigs()[0], "refused"}, {testkit.Rigs()[1], "accepted"}} {
		t.Run(shape.rig.Name, func(t *testing.T) {
			s := shape.rig.Start(t, testkit.Options{})
			eachWire(t, func(t *testing.T, transport, protocol string) {
				script(t, "conflict.mjs", s.URL(), transport, protocol, shape.outcome).wait()
			})
		})
	}
}
