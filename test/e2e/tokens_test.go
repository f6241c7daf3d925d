package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/load"
	"restante/internal/testkit"
)

// lifetimeVariable sets a lifetime of tokens, such as 60s, that is longer than the few seconds of the usual test.
const lifetimeVariable = "RESTANTE_TEST_TOKENS"

// lifetimes returns the lifetime of tokens, their leeway, and how long to run clients that refresh them: four expiries,
// or two of a longer lifetime.
func lifetimes(t *testing.T) (lifetime, leeway, duration time.Duration) {
	t.Helper()
	lifetime, err := time.ParseDuration(cmp.Or(os.Getenv(lifetimeVariable), "4s"))
	if err != nil {
		t.Fatal(err)
	}
	leeway = time.Second
	if lifetime > 10*time.Second {
		return lifetime, leeway, 2*(lifetime+leeway) + 8*time.Second
	}
	return lifetime, leeway, 4*(lifetime+leeway) + time.Second
}

// sent is a send in the output of the scripts.
type sent struct {
	ID, Room, Text  string
	ClientID        string `json:"client_id"`
	Begun, Accepted int64  // in microseconds
	Attempts        int
}

func sendsOf(t *testing.T, printed []byte) []load.Send {
	t.Helper()
	var all []sent
	decode(t, printed, &all)
	sends := make([]load.Send, len(all))
	for n, s := range all {
		sends[n] = load.Send{
			ID: s.ID, Room: s.Room, ClientID: s.ClientID, Text: s.Text, Attempts: s.Attempts,
			Begun: time.UnixMicro(s.Begun), Accepted: time.UnixMicro(s.Accepted),
		}
	}
	return sends
}

// Clients whose tokens expire and are refreshed lose nothing, get nothing twice, are never refused, and get nothing
// with an expired token. Both shapes run in parallel, because the test mostly waits.
func TestTokens_ExpireWhileClientsRefreshThem(t *testing.T) {
	t.Parallel()
	lifetime, leeway, duration := lifetimes(t)
	secret := strings.Repeat("a secret of this test ", 3)
	installModules(t)
	var waits []func()
	for _, rig := range testkit.Rigs() {
		s := rig.Start(t, testkit.Options{
			Args: []string{"--auth", "jwt", "--jwt-leeway", leeway.String()}, Env: []string{"RESTANTE_JWT_SECRET=" + secret},
		})
		site := newSite(t, s.URL())
		for _, script := range [][]string{
			{"tokens.mjs", "websockets", "json"}, {"tokens.mjs", "websockets", "messagepack"}, {"tokens.mjs", "sse", "json"},
			{"tokens.mjs", "longpolling", "json"}, {"tokens.mjs", "longpolling", "messagepack"},
			{"events_token.mjs", "header"}, {"events_token.mjs", "query"},
		} {
			room := strings.Join(script[1:], "-")
			args := append([]string{"js/" + script[0], s.URL()}, script[1:]...)
			cmd := exec.Command(testkit.Need(t, "node"), append(args, room, secret, seconds(lifetime), seconds(leeway), seconds(duration))...)
			var result bytes.Buffer
			cmd.Stdout = &result
			client := start(t, cmd)
			waits = append(waits, func() {
				t.Helper()
				t.Log(rig.Name, strings.TrimSpace(client.waitFor(duration+programLimit)))
				checkRoom(t, site, inHeader(minted(t, secret, room)), room, sendsOf(t, result.Bytes()))
			})
		}
		waits = append(waits, func() {
			if strings.Contains(s.Log(), ".eyJ") {
				t.Error("the log has a token")
			}
		})
	}
	for _, wait := range waits {
		wait()
	}
}

func seconds(d time.Duration) string { return fmt.Sprint(d.Seconds()) }

// minted makes a token on the command line.
func minted(t *testing.T, secret, rooms string, more ...string) string {
	t.Helper()
	args := append([]string{"token", "--jwt-secret", secret, "--sub", "ann", "--rooms", rooms}, more...)
	return strings.TrimSpace(testkit.Run(t, "", testkit.Binary(t), args...))
}

// checkRoom checks the promises for a room whose sends are all known.
func checkRoom(t *testing.T, s *site, as bearer, room string, sends []load.Send) {
	t.Helper()
	var log []chat.Message
	for {
		var page struct{ Messages []chat.Message }
		_, content := s.ask(as, "GET", fmt.Sprintf("/rooms/%s/messages?after=%d&limit=500", room, len(log)), "")
		decode(t, content, &page)
		if len(page.Messages) == 0 {
			break
		}
		log = append(log, page.Messages...)
	}
	report := load.Check(load.Evidence{Sends: sends, Stored: log})
	if err := report.Err(); err != nil || report.Accepted == 0 {
		t.Errorf("%s: %d accepted: %v", room, report.Accepted, err)
	}
}
