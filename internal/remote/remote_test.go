package remote

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

// seen is what a handler behind Wrap sees of a request.
type seen struct {
	Origin
	remote string
	header http.Header
}

func pass(cfg Config, r *http.Request) (got seen) {
	Wrap(cfg, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = seen{From(r.Context()), r.RemoteAddr, r.Header}
	})).ServeHTTP(httptest.NewRecorder(), r)
	return got
}

func request(from string, headers ...string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	r.RemoteAddr = from
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

var proxies = Config{Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}}

func TestWrap_TheClientIsTheLastAddressThatIsNoProxy(t *testing.T) {
	for name, tc := range map[string]struct {
		from    string
		forward []string // lines of X-Forwarded-For
		want    string
	}{
		"no proxy":                            {"192.0.2.1:1000", nil, "192.0.2.1"},
		"no trusted neighbour":                {"192.0.2.1:1000", []string{"198.51.100.7"}, "192.0.2.1"},
		"a proxy":                             {"10.0.0.1:1000", []string{"198.51.100.7"}, "198.51.100.7"},
		"a proxy behind a proxy":              {"10.0.0.1:1000", []string{"198.51.100.7, 10.2.3.4"}, "198.51.100.7"},
		"a client that makes up others":       {"10.0.0.1:1000", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		"one that makes up a proxy":           {"10.0.0.1:1000", []string{"10.9.9.9, 198.51.100.7"}, "198.51.100.7"},
		"several lines":                       {"10.0.0.1:1000", []string{"203.0.113.9", "198.51.100.7", "10.2.3.4"}, "198.51.100.7"},
		"a proxy that says nothing":           {"10.0.0.1:1000", nil, "10.0.0.1"},
		"a proxy that says an empty line":     {"10.0.0.1:1000", []string{""}, "10.0.0.1"},
		"garbage":                             {"10.0.0.1:1000", []string{"198.51.100.7, <script>"}, "10.0.0.1"},
		"garbage before the client":           {"10.0.0.1:1000", []string{"<script>, 198.51.100.7"}, "198.51.100.7"},
		"garbage before a proxy":              {"10.0.0.1:1000", []string{"unknown, 10.2.3.4"}, "10.2.3.4"},
		"with a port":                         {"10.0.0.1:1000", []string{"198.51.100.7:4711"}, "198.51.100.7"},
		"IPv6":                                {"[fd00::1]:1000", []string{"2001:db8::7"}, "2001:db8::7"},
		"IPv6 with a port":                    {"[fd00::1]:1000", []string{"[2001:db8::7]:4711"}, "2001:db8::7"},
		"IPv6 in brackets":                    {"[fd00::1]:1000", []string{"[2001:db8::7]"}, "2001:db8::7"},
		"IPv4 mapped into IPv6":               {"[::ffff:10.0.0.1]:1000", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		"with a zone":                         {"10.0.0.1:1000", []string{"fe80::1%eth0"}, "fe80::1"},
		"proxies only":                        {"10.0.0.1:1000", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		"a neighbour that is no address":      {"@", []string{"198.51.100.7"}, "invalid IP"},
		"a neighbour just beside the trusted": {"11.0.0.1:1000", []string{"198.51.100.7"}, "11.0.0.1"},
	} {
		r := request(tc.from)
		r.Header["X-Forwarded-For"] = tc.forward
		got := pass(proxies, r)
		if got.Addr.String() != tc.want {
			t.Errorf("%s: %s, want %s", name, got.Addr, tc.want)
		}
		if addr := addrOf(got.remote); addr != got.Addr {
			t.Errorf("%s: RemoteAddr %s", name, got.remote)
		}
	}
}

func TestWrap_RemovesHeadersOfUntrustedNeighbours(t *testing.T) {
	claimed := []string{
		"X-Forwarded-For", "10.0.0.1", "X-Forwarded-Proto", "https", "Forwarded", "for=10.0.0.1", "X-Forwarded-Host", "a",
		"X-Forwarded-Port", "1", "X-Real-IP", "10.0.0.1", "traceparent", "00-1-2-01", "tracestate", "a=b", "baggage", "c=d", "Accept", "text/html",
	}
	got := pass(proxies, request("192.0.2.1:1000", claimed...))
	if len(got.header) != 1 || got.header.Get("Accept") == "" {
		t.Errorf("left of an untrusted request: %v", got.header)
	}
	if got.Known || got.Secure {
		t.Errorf("its origin is %+v", got.Origin)
	}
	if got := pass(proxies, request("10.0.0.1:1000", claimed...)); len(got.header) != len(claimed)/2 {
		t.Errorf("left of a trusted request: %v", got.header)
	}
}

func TestWrap_SchemeIsWhatWasSeen(t *testing.T) {
	for name, tc := range map[string]struct {
		tls           bool
		from          string
		proto         []string
		secure, known bool
	}{
		"plain":                     {false, "192.0.2.1:1", nil, false, false},
		"TLS":                       {true, "192.0.2.1:1", nil, true, true},
		"TLS, and a liar":           {true, "192.0.2.1:1", []string{"http"}, true, true},
		"plain, and a liar":         {false, "192.0.2.1:1", []string{"https"}, false, false},
		"a proxy that says nothing": {false, "10.0.0.1:1", nil, false, false},
		"a proxy: https":            {false, "10.0.0.1:1", []string{"https"}, true, true},
		"a proxy: HTTPS":            {false, "10.0.0.1:1", []string{"HTTPS"}, true, true},
		"a proxy: http":             {false, "10.0.0.1:1", []string{"http"}, false, true},
		"a proxy over TLS: http":    {true, "10.0.0.1:1", []string{"http"}, false, true},
		"a client's word before it": {false, "10.0.0.1:1", []string{"https, http"}, false, true},
		"in a line of its own":      {false, "10.0.0.1:1", []string{"https", "http"}, false, true},
	} {
		r := request(tc.from)
		if tc.tls {
			r.TLS = &tls.ConnectionState{}
		}
		r.Header["X-Forwarded-Proto"] = tc.proto
		if got := pass(proxies, r); got.Secure != tc.secure || got.Known != tc.known {
			t.Errorf("%s: secure %v, known %v", name, got.Secure, got.Known)
		}
	}
}

func TestWrap_BelievesNodes(t *testing.T) {
	node := Config{Peer: func(r *http.Request) bool { return r.Header.Get("Node") == "yes" }}
	if got := pass(node, request("192.0.2.1:1", "X-Forwarded-For", "198.51.100.7", "Node", "yes")); got.Addr.String() != "198.51.100.7" {
		t.Errorf("forwarded by a node: %s", got.Addr)
	}
	if got := pass(node, request("192.0.2.1:1", "X-Forwarded-For", "198.51.100.7", "Node", "no")); got.Addr.String() != "192.0.2.1" {
		t.Errorf("forwarded by another host: %s", got.Addr)
	}
}

// A header that only nodes may send must be removed even if a trusted proxy has forwarded it.
func TestWrap_ChecksEveryRequestForTheProofOfANode(t *testing.T) {
	cfg := proxies
	cfg.Peer = func(r *http.Request) bool { r.Header.Del("Node"); return false }
	for _, from := range []string{"10.0.0.1:1", "192.0.2.1:1"} {
		if got := pass(cfg, request(from, "Node", "forged")); got.header.Get("Node") != "" {
			t.Errorf("from %s: %v", from, got.header)
		}
	}
}

func TestNetwork(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":            "192.0.2.1",
		"2001:db8::":           "2001:db8::",
		"2001:db8::ffff:1":     "2001:db8::",
		"2001:db8:0:1:2:3:4:5": "2001:db8:0:1::",
	} {
		if got := Network(netip.MustParseAddr(addr)); got != netip.MustParseAddr(want) {
			t.Errorf("%s is of %s, want %s", addr, got, want)
		}
	}
	if got := Network(netip.Addr{}); got.IsValid() {
		t.Errorf("no address is of %s", got)
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("10.0.0.1:1000", "198.51.100.7, 10.2.3.4", "https")
	f.Add("192.0.2.1:1000", "[::1]:80,%", "http, ftp")
	f.Add("[fd00::1%eth0]:1", "::ffff:1.2.3.4", "")
	f.Fuzz(func(t *testing.T, from, forward, proto string) {
		got := pass(proxies, request(from, "X-Forwarded-For", forward, "X-Forwarded-Proto", proto))
		neighbour := addrOf(from)
		if !proxies.trusts(neighbour) && (got.Addr != neighbour || got.Known) {
			t.Errorf("headers of %q were believed: %+v", from, got.Origin)
		}
		if got.Addr.Is4In6() || got.Addr.Zone() != "" {
			t.Errorf("address %s", got.Addr)
		}
		if got.Secure && !got.Known {
			t.Errorf("secure but not known: %+v", got.Origin)
		}
	})
}
