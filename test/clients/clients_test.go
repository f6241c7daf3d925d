// Package clients runs stock SignalR clients and EventSource packages, each in its language, against the real binary.
// Each is a small program that follows a room as its recipe in docs/api/clients.md says. Its connections are cut, and it
// must come back, receive everything once, in order, and send.
//
// A program gets its settings as JSON in its first argument, see settings. It prints lines of JSON, see line, and reads
// lines of JSON: {"send":"text"} sends a message to the room, {"stop":true} ends it with exit code 0. It reconnects by
// itself. Versions are pinned; scripts/deps.sh installs what the programs need.
package clients

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// TestMain lets more tests run at once than there are processors, because the programs mostly wait to reconnect.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil {
		panic(err)
	}
	testkit.Main(m)
}

// way is a transport (ws, sse, lp, or events for /rooms/{room}/events) and a protocol (json, messagepack).
type way struct{ transport, protocol string }

// client is a program and the ways that it can connect.
type client struct {
	name    string   // names the test
	command []string // the program and its first arguments
	ways    []way
}

// settings are the first argument of a program.
type settings struct {
	URL       string `json:"url"`       // http://127.0.0.1:PORT, without a path
	Room      string `json:"room"`      // the room to follow and to send to
	After     int64  `json:"after"`     // the first message to receive is the one after this number
	Transport string `json:"transport"` // see way
	Protocol  string `json:"protocol"`
	ClientID  string `json:"client_id"` // who sends
	Token     string `json:"token"`     // empty: the server needs none
}

// line is a line that a program prints. Exactly one group of fields is set.
type line struct {
	Ready bool `json:"ready"` // it follows the room; again after each reconnection, where the program knows

	Seq int64  `json:"seq"` // the application got a message
	Msg string `json:"msg"`
	ID  string `json:"id"` // also the id of a text that was sent

	Sent   string `json:"sent"`   // the server has stored this text
	Failed string `json:"failed"` // it is not known that the server has stored this text, because of Error
	Error  string `json:"error"`

	Down bool   `json:"down"` // it has noticed that its connection ended
	Note string `json:"note"` // something for the person who reads a failure
}

// follow runs the clients, each in all of its ways, without and, in its first way, with a token.
func follow(t *testing.T, clients ...client) {
	t.Helper()
	open := testkit.Start(t, testkit.Options{})
	issuer := testkit.NewIssuer(t)
	guarded := testkit.Start(t, issuer.Options())
	for _, c := range clients {
		for _, w := range c.ways {
			t.Run(strings.Join([]string{c.name, w.transport, w.protocol}, " "), func(t *testing.T) {
				t.Parallel()
				newScenario(t, open.Addr(), nil).run(c.command, w)
			})
		}
		first := c.ways[0]
		t.Run(strings.Join([]string{c.name, first.transport, "with a token"}, " "), func(t *testing.T) {
			t.Parallel()
			newScenario(t, guarded.Addr(), issuer).run(c.command, first)
		})
	}
}

// need skips the test, or fails it in CI, if scripts/deps.sh has not made a file.
func need(t *testing.T, file string) {
	t.Helper()
	if _, err := os.Stat(file); err != nil {
		testkit.Missing(t, "scripts/deps.sh has not made it: %v", err)
	}
}

func encode(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
