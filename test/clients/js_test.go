package clients

import (
	"net/http"
	"net/http/httptest"
	"path"
	"testing"

	"restante/internal/testkit"
)

// node runs a program of the folder js, with arguments before its settings.
func node(t *testing.T, name string, args ...string) []string {
	t.Helper()
	need(t, "js/node_modules/.package-lock.json")
	return append([]string{testkit.Need(t, "node"), "js/" + name}, args...)
}

// signalr is the official client of some ages, of which each has the newest version.
func signalr(t *testing.T, ages ...string) (all []client) {
	t.Helper()
	ways := []way{{"ws", "json"}, {"ws", "messagepack"}, {"sse", "json"}, {"lp", "json"}, {"lp", "messagepack"}}
	for _, age := range ages {
		all = append(all, client{"signalr " + age, node(t, "with_signalr.mjs", age), ways})
	}
	return all
}

func TestJavaScript_SignalR(t *testing.T) {
	follow(t, signalr(t, "1.0", "1.1", "3.0", "3.1", "5", "6", "7", "8", "9", "10")...)
}

// Browsers repeat a poll whose answer was lost in a cut, so that messages are missing.
func TestChromium_SignalR(t *testing.T) {
	ways := []way{{"lp", "json"}, {"lp", "messagepack"}, {"sse", "json"}, {"ws", "json"}}
	follow(t, client{"signalr", node(t, "with_browser.mjs", "signalr", testkit.Need(t, "chromium")), ways})
}

// eventPackages follow /rooms/{room}/events.
func eventPackages(t *testing.T) (all []client) {
	t.Helper()
	for _, name := range []string{
		"eventsource-1", "eventsource-2", "eventsource-3", "eventsource-4", "eventsource-5", "event-source-polyfill",
		"@microsoft/fetch-event-source", "eventsource-client", "undici-6", "undici-7",
	} {
		all = append(all, client{path.Base(name), node(t, "with_events.mjs", name), []way{{"events", "json"}}})
	}
	return all
}

// browserPackages follow /rooms/{room}/events in Chromium: its own class, and react-native-sse, which needs an XMLHttpRequest that hands
// over what it has received so far. No package for Node has one.
func browserPackages(t *testing.T) (all []client) {
	t.Helper()
	for _, name := range []string{"EventSource", "react-native-sse"} {
		all = append(all, client{name, node(t, "with_browser.mjs", name, testkit.Need(t, "chromium")), []way{{"events", "json"}}})
	}
	return all
}

func TestJavaScript_Events(t *testing.T) {
	follow(t, eventPackages(t)...)
}

func TestChromium_Events(t *testing.T) {
	follow(t, browserPackages(t)...)
}

func TestJavaScript_Restarts(t *testing.T) {
	restart(t, append(signalr(t, "1.0", "3.1", "10"), eventPackages(t)...)...)
}

// A proxy answers 503 for a while, as when the server restarts. Most packages give up then; their recipe opens a new source.
func TestJavaScript_EventsAfterA503(t *testing.T) {
	server := testkit.Start(t, testkit.Options{})
	for _, c := range append(eventPackages(t), browserPackages(t)...) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			newScenario(t, server.Addr(), nil).runUnavailable(c.command, c.ways[0], server.Addr())
		})
	}
}

// runUnavailable tries whether a client comes back after an answer 503 in place of that of the server at addr.
func (s *scenario) runUnavailable(command []string, w way, addr string) {
	s.t.Helper()
	asked := make(chan struct{}, 100)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		http.Error(w, "no server is available", http.StatusServiceUnavailable)
	}))
	s.t.Cleanup(proxy.Close)
	p := s.begin(command, w)
	s.awaitMessages(p)
	s.proxy.Retarget(proxy.Listener.Addr().String())
	s.proxy.Cut()
	s.post(5)
	for range 2 { // the second request shows that the client has read the first answer
		select {
		case <-asked:
		case <-s.ctx.Done():
			s.t.Fatal("the client does not come back")
		}
	}
	s.proxy.Retarget(addr)
	s.proxy.Cut() // the connection to the proxy that answers 503
	s.awaitMessages(p)
	s.check(p.stop(), nil)
}
