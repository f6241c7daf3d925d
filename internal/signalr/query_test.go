package signalr

import (
	"net/url"
	"reflect"
	"testing"
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
