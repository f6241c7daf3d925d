package client

import (
	"slices"
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	all := []string{"br", "gzip", identity}
	for _, tt := range []struct {
		headers string // separated by |; "-" for no header
		offered []string
		want    string
	}{
		{"-", all, identity},
		{"", all, identity},
		{"gzip, deflate, br, zstd", all, "br"},
		{"gzip, deflate", all, "gzip"},
		{"gzip|br", all, "br"},
		{"br", []string{"gzip", identity}, identity},
		{"GZIP", all, "gzip"},
		{"x-gzip", all, "gzip"},
		{"zstd", all, identity},
		{"gzip;q=1.0, br;q=0.5", all, "gzip"},
		{"gzip; q=0.001 , br ; Q=0", all, "gzip"},
		{"br;q=0.2, identity;q=0.3", all, identity},
		{"br;q=0, *", all, "gzip"},
		{"*;q=0.1", all, "br"},
		{"*", []string{identity}, identity},
		{"br;q=0, gzip;q=0", all, identity},
		{"identity;q=0", all, identity},
		{"identity;q=0, gzip;q=0.5", all, "gzip"},
		{"*;q=0", all, identity},
		{"br;q=2, gzip;q=0.1", all, "gzip"},
		{"br;q=NaN, gzip;q=-1", all, identity},
		{"br;q=, gzip;level=1, ;q=1,,", all, identity},
		{"br;q=0.00001", all, identity},
	} {
		var headers []string
		if tt.headers != "-" {
			headers = strings.Split(tt.headers, "|")
		}
		if got := negotiate(headers, tt.offered); got != tt.want {
			t.Errorf("%q of %v: %s, want %s", tt.headers, tt.offered, got, tt.want)
		}
	}
}

func FuzzNegotiate(f *testing.F) {
	for _, seed := range []string{"gzip, deflate, br", "br;q=0.5, *;q=0", "identity;q=0", ";;,q=1,\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		offered := []string{"br", "gzip", identity}
		got := negotiate([]string{header}, offered)
		if !slices.Contains(offered, got) {
			t.Fatalf("%q: %q was not offered", header, got)
		}
		if lower := strings.ToLower(header); got != identity && !strings.Contains(lower, got) && !strings.Contains(lower, "*") {
			t.Fatalf("%q: %s was not requested", header, got)
		}
	})
}
