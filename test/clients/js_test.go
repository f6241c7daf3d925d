package clients

import (
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

// The ages of the official client, of which each has the newest version.
func TestJavaScript_SignalR(t *testing.T) {
	ways := []way{{"ws", "json"}, {"ws", "messagepack"}, {"sse", "json"}, {"lp", "json"}, {"lp", "messagepack"}}
	var all []client
	for _, age := range []string{"1.0", "1.1", "3.0", "3.1", "5", "6", "7", "8", "9", "10"} {
		all = append(all, client{"signalr " + age, node(t, "with_signalr.mjs", age), ways})
	}
	follow(t, all...)
}

func TestJavaScript_EventSource(t *testing.T) {
	var all []client
	for _, name := range []string{
		"eventsource-1", "eventsource-2", "eventsource-3", "eventsource-4", "eventsource-5", "event-source-polyfill",
		"@microsoft/fetch-event-source", "eventsource-client", "undici-6", "undici-7",
	} {
		all = append(all, client{path.Base(name), node(t, "with_events.mjs", name), []way{{"events", "json"}}})
	}
	follow(t, all...)
}

// react-native-sse needs an XMLHttpRequest that hands over what it has received so far, which no package for Node does.
func TestChromium_Events(t *testing.T) {
	var all []client
	for _, name := range []string{"EventSource", "react-native-sse"} {
		all = append(all, client{name, node(t, "with_browser.mjs", name, testkit.Need(t, "chromium")), []way{{"events", "json"}}})
	}
	follow(t, all...)
}
