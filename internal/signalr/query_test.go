package signalr

import (
	"net/url"
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

func TestParseQuery_DropsNothing(t *testing.T) {
	for raw, want := range map[string]url.Values{
		"":                            {},
		"&&":                          {},
		"room=a&room=b&after=1":       {"room": {"a", "b"}, "after": {"1"}},
		"room&after=":                 {"room": {""}, "after": {""}},
		"room=a;after=1":              {"room": {"a;after=1"}},
		"room=%zz&x=100%&y=a+b%26":    {"room": {"%zz"}, "x": {"100%"}, "y": {"a b&"}},
		"%zz=1&=2&client_id=%C3%A4":   {"%zz": {"1"}, "": {"2"}, "client_id": {"ä"}},
		"a=b=c&room=%00&epoch=a%3Db;": {"a": {"b=c"}, "room": {"\x00"}, "epoch": {"a=b;"}},
	} {
		if got := parseQuery(raw); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", raw, got, want)
		}
	}
}

// A connection keeps neither secrets nor parameters that its hub does not read, and nothing of the line that they stood in.
func TestServer_KeepsOfAQueryWhatItsHubReads(t *testing.T) {
	s := newRig(t, Config{Keeps: func(name string) bool { return name == "room" || name == "ro m" }}).server
	long := strings.Repeat("a", 250_000)
	for raw, want := range map[string]string{
		"id=secret&x=" + long:                       "",
		"ID=secret&room=a&access_token=t&room=b%20": "room=a&room=b%20",
		"r%6fom=a&ro+m":                             "r%6fom=a&ro+m",
		long + "=1&room=" + long:                    "room=" + long[:maxKeptValue],
		"&&":                                        "",
	} {
		if got := s.keepQuery(raw); got != want {
			t.Errorf("%.60s: %.60s, want %.60s", raw, got, want)
		}
	}
	if got := newRig(t, Config{}).server.keepQuery("x=1&id=2&y"); got != "x=1&y" {
		t.Errorf("a hub that reads everything gets %q", got)
	}
	raw := "id=" + long
	if value := queryValue(url.Values{"id": {raw[3:10]}}, "id"); unsafe.StringData(value) == unsafe.StringData(raw[3:]) {
		t.Error("a token keeps the line that it stood in")
	}
}
