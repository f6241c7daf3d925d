package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"restante/internal/chat"
)

// way is one entry point: a request, or an operation over a connection. Its result is one text for each step, or a
// single one if the first step is refused.
type way struct {
	name    string
	inQuery bool // access_token is accepted
	do      func(c *cell) []string
	want    map[verdict][]string // the expected results
}

// cell is one way with one token.
type cell struct {
	*site
	table *table
	as    shown
	bearer
}

// text returns a message text that identifies the cell.
func (c *cell) text() string { return c.table.text() }

// The room that a token without rights must not open, the message in it, and the sender that all ways use.
const (
	room   = "team-a"
	canary = "the quick brown canary"
	sender = "ann"
)

// The answers to invalid tokens are the same everywhere.
const (
	noToken  = "401 unauthenticated: a token is needed [Bearer]"
	badToken = `401 unauthenticated: the token is not valid [Bearer error="invalid_token"]`
	oldToken = `401 unauthenticated: the token has expired [Bearer error="invalid_token"]`
	newToken = `401 unauthenticated: the token is not valid yet [Bearer error="invalid_token"]`

	notRoom   = "forbidden: room: the token is not for this room"
	notSend   = "forbidden: the token is for reading only"
	notSender = "forbidden: client_id: is not the one of the token; leave it out"
)

// closed returns the expected results of a way that needs a valid token, in the order of the constants.
func closed(mayAllWant, otherRoomWant, readOnlyWant, otherSubWant []string) map[verdict][]string {
	return map[verdict][]string{
		anonymous: {noToken}, invalid: {badToken}, expired: {oldToken}, early: {newToken},
		mayAll: mayAllWant, otherRoom: otherRoomWant, readOnly: readOnlyWant, otherSub: otherSubWant,
	}
}

// The expected results of requests that send and that read.
var (
	forSending = closed([]string{"202"}, []string{"403 " + notRoom}, []string{"403 " + notSend}, []string{"403 " + notSender})
	forReading = closed([]string{"200 canary"}, []string{"403 " + notRoom}, []string{"200 canary"}, []string{"200 canary"})
	forAnybody = closed([]string{"200"}, []string{"200"}, []string{"200"}, []string{"200"})
)

// always returns the same expected result for every token.
func always(want string) map[verdict][]string {
	all := maps.Clone(forAnybody)
	for v := range all {
		all[v] = []string{want}
	}
	return all
}

// sent records that a message was accepted, if the answer says so.
func (c *cell) sent(answer, text string) string {
	if answer == "202" || answer == "ok" {
		c.table.accepted = append(c.table.accepted, text)
	}
	return answer
}

// saw adds to an answer whether the content contains the canary.
func (c *cell) saw(answer, content string) string {
	if strings.Contains(content, canary) {
		return answer + " canary"
	}
	return answer
}

const (
	asJSON = "application/json"
	asForm = "application/x-www-form-urlencoded"
)

func sending(name, path, contentType string, encode func(text string) string) way {
	return way{name: "POST " + name, want: forSending, do: func(c *cell) []string {
		text := c.text()
		target, body := path, encode(text)
		if contentType == "" {
			target, body = path+body, ""
		}
		answer, _ := c.ask(c.bearer, http.MethodPost, target, body, "Content-Type", contentType)
		return []string{c.sent(answer, text)}
	}}
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func reading(path string) way {
	return way{name: "GET " + path, want: forReading, do: func(c *cell) []string {
		answer, content := c.ask(c.bearer, http.MethodGet, path, "")
		return []string{c.saw(answer, string(content))}
	}}
}

func open(path string) way {
	return way{name: "GET " + path, want: always("200"), do: func(c *cell) []string {
		answer, _ := c.ask(c.bearer, http.MethodGet, path, "")
		return []string{answer}
	}}
}

// apiWays are the entry points of the HTTP API.
func apiWays() []way {
	named := func(text string) string {
		return url.Values{"msg": {text}, "client_id": {sender}, "room": {room}}.Encode()
	}
	nameless := sending("/rooms/{room}/messages without client_id", "/rooms/"+room+"/messages", asJSON,
		func(text string) string { return toJSON(map[string]string{"msg": text}) })
	nameless.want = closed([]string{"202"}, []string{"403 " + notRoom}, []string{"403 " + notSend}, []string{"202"})
	return []way{
		sending("/message in the query", "/message?", "", named),
		sending("/message as JSON", "/message", asJSON, func(text string) string {
			return toJSON(map[string]string{"msg": text, "client_id": sender, "room": room})
		}),
		sending("/message as a form", "/message", asForm, named),
		sending("/rooms/{room}/messages", "/rooms/"+room+"/messages", asJSON, func(text string) string {
			return toJSON(map[string]string{"msg": text, "client_id": sender})
		}),
		nameless,
		reading("/messages/since?since=2026-01-01T00:00:00Z&room=" + room),
		reading("/messages/since?after=0&limit=1&room=" + room),
		reading("/rooms/" + room + "/messages?after=0"),
		reading("/rooms/" + room + "/messages?since=2026-01-01"),
		reading("/rooms/" + room + "/messages?before=2"),
		{name: "GET /rooms", do: listRooms, want: closed([]string{"200 named"}, []string{"200 named"}, []string{"200 named"}, []string{"200 named"})},
		{name: "GET /rooms/{room}/events", inQuery: true, do: streamRoom, want: forReading},
		{name: "GET /metrics", do: readMetrics, want: closed(forOperators, forOperators, forOperators, forOperators)},
		open("/"), open("/docs"), open("/openapi.json"), open("/healthz"), open("/readyz"), open("/version"),
	}
}

var forOperators = []string{"403 forbidden: this is for operators: the token must say admin"}

func readMetrics(c *cell) []string {
	answer, content := c.ask(c.bearer, http.MethodGet, "/metrics", "")
	if c.as.admin && answer == "200" && strings.Contains(string(content), "restante_") {
		return forOperators // the only answer that depends on more than the verdict
	}
	return []string{answer}
}

// listRooms returns "named" if the answer has exactly the expected rooms.
func listRooms(c *cell) []string {
	answer, content := c.ask(c.bearer, http.MethodGet, "/rooms", "")
	if answer != "200" {
		return []string{answer}
	}
	var list struct{ Rooms []chat.Room }
	decode(c.t, content, &list)
	var names []string
	for _, r := range list.Rooms {
		names = append(names, r.Name)
	}
	if got := strings.Join(names, " "); got != c.as.rooms {
		return []string{fmt.Sprintf("200 with %q, want %q", got, c.as.rooms)}
	}
	return []string{"200 named"}
}

// streamRoom reads a stream until the canary.
func streamRoom(c *cell) []string {
	resp := c.send(c.bearer, http.MethodGet, "/rooms/"+room+"/events?after=0", "")
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		answer, _ := c.read(resp)
		return []string{answer}
	}
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), canary) {
			return []string{"200 canary"}
		}
	}
	return []string{"200"}
}
