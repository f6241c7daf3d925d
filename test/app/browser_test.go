package app

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"testing"
	"time"

	"restante/internal/load"
	"restante/internal/testkit"
)

// The first three tests measure and run alone. The others mostly wait and run in parallel.

func TestBrowser_WeightOfAVisit(t *testing.T) {
	browse(t, "weight.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_ComesBackToTenThousandMessages(t *testing.T) {
	s := testkit.Start(t, testkit.Options{})
	browse(t, "away.mjs", s, tasks{"fill": func(arg string) string {
		fill(t, s, arg)
		return done
	}})
}

func TestBrowser_ManyRooms(t *testing.T) {
	s := testkit.Start(t, testkit.Options{})
	browse(t, "crowd.mjs", s, killing(s))
}

func TestBrowser_TwoPeopleTalk(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		browse(t, "talk.mjs", rig.Start(t, testkit.Options{}), nil)
	})
}

func TestBrowser_ServerIsKilledWhileBothWrite(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{})
	browse(t, "restart.mjs", s, killing(s))
}

func TestBrowser_OpensAndWritesOffline(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{})
	browse(t, "offline.mjs", s, killing(s))
}

func TestBrowser_TabsShareAndSendOnce(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, testkit.Options{})
	browse(t, "tabs.mjs", s, killing(s))
}

func TestBrowser_HostileTextIsHarmless(t *testing.T) {
	t.Parallel()
	browse(t, "hostile.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_Tokens(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	s := testkit.Start(t, issuer.Options("--jwt-leeway", "1s"))
	browse(t, "tokens.mjs", s, tasks{"token": func(arg string) string { return token(t, issuer, arg) }})
}

func TestBrowser_TwoPeopleOnOneMachine(t *testing.T) {
	t.Parallel()
	issuer := testkit.NewIssuer(t)
	s := testkit.Start(t, issuer.Options())
	do := killing(s)
	do["token"] = func(arg string) string { return token(t, issuer, arg) }
	browse(t, "people.mjs", s, do)
}

func TestBrowser_ManyTabsWithoutWebSockets(t *testing.T) {
	t.Parallel()
	browse(t, "fallback.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_MessagesAndComposer(t *testing.T) {
	t.Parallel()
	browse(t, "messages.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_Accessibility(t *testing.T) {
	t.Parallel()
	browse(t, "access.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_ByKeyboardAlone(t *testing.T) {
	t.Parallel()
	browse(t, "keyboard.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_BackFromLunch(t *testing.T) {
	t.Parallel()
	browse(t, "lunch.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_DeviceThatDoesNotKeep(t *testing.T) {
	t.Parallel()
	browse(t, "device.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_TouchScreen(t *testing.T) {
	t.Parallel()
	browse(t, "touch.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_ComposedText(t *testing.T) {
	t.Parallel()
	browse(t, "ime.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_DatesAsOnTheDevice(t *testing.T) {
	t.Parallel()
	browse(t, "locales.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_ListOfRooms(t *testing.T) {
	t.Parallel()
	browse(t, "rooms.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_BackClosesWhatIsOpen(t *testing.T) {
	t.Parallel()
	browse(t, "back.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_Shortcuts(t *testing.T) {
	t.Parallel()
	browse(t, "shortcuts.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_Notifications(t *testing.T) {
	t.Parallel()
	browse(t, "notifications.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_ForcedColoursAndLargeTexts(t *testing.T) {
	t.Parallel()
	browse(t, "contrast.mjs", testkit.Start(t, testkit.Options{}), nil)
}

func TestBrowser_Pictures(t *testing.T) {
	t.Parallel()
	browse(t, "pictures.mjs", testkit.Start(t, testkit.Options{}), nil)
}

// killing lets a script kill the server, as kill -9 does, and restart it on the same data and port.
func killing(s *testkit.Server) tasks {
	return tasks{
		"kill":    func(string) string { s.Kill(); return done },
		"restart": func(string) string { s.Restart(); return done },
	}
}

// fill sends a number of messages with different texts to the lobby, from eight senders, and waits until they are
// accepted.
func fill(t *testing.T, s *testkit.Server, count string) {
	t.Helper()
	const senders = 8
	n, err := strconv.Atoi(count)
	if err != nil || n%senders != 0 {
		t.Fatalf("fill %s: not a multiple of %d: %v", count, senders, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	began := time.Now().UnixNano()
	text := func(sender, n int) string { return fmt.Sprintf("message %d of %d, at %d", n, sender, began) }
	running, err := load.StartSenders(ctx, load.SenderConfig{URL: s.URL(), Senders: senders, Each: n / senders, Text: text})
	if err != nil {
		t.Fatal(err)
	}
	running.Wait()
	running.Stop()
}

// token makes a token with the claims that a script wants: sub, rooms, publish, and its lifetime in seconds.
func token(t *testing.T, issuer *testkit.Issuer, wanted string) string {
	t.Helper()
	var claims struct {
		Sub     string
		Rooms   []string
		Publish *bool
		Seconds int64
	}
	if err := json.Unmarshal([]byte(wanted), &claims); err != nil {
		t.Fatalf("token %s: %v", wanted, err)
	}
	c := testkit.NewClaims(claims.Sub, claims.Rooms...).With("exp", time.Now().Unix()+claims.Seconds)
	if claims.Publish != nil {
		c = c.With("publish", *claims.Publish)
	}
	return issuer.Token(c)
}
