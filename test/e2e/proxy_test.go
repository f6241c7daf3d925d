package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// from is a site whose requests come from another address of this machine.
func from(t *testing.T, url, address string) *site {
	t.Helper()
	s := newSite(t, url)
	transport := &http.Transport{DialContext: (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}).DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	s.client = &http.Client{Transport: transport}
	return s
}

// limited sends messages with an X-Forwarded-For header, in which %d is a different number each time. It reports
// whether one was refused because its sender sends too fast.
func (s *site) limited(forwardedFor string) bool {
	s.t.Helper()
	for n := range 20 {
		header := []string{"X-Forwarded-For", strings.ReplaceAll(forwardedFor, "%d", fmt.Sprint(100+n))}
		switch answer, _ := s.ask(bearer{}, http.MethodPost, "/message?msg=x&client_id=ann", "", header...); {
		case strings.HasPrefix(answer, "429 rate_limited"):
			return true
		case answer != "202":
			s.t.Errorf("for %s: %s", forwardedFor, answer)
		}
	}
	return false
}

// Without authentication, limits apply to addresses. The server believes the address in a request only if the request
// comes from a trusted proxy or from a node that forwards it.
func TestProxy_OnlyTrustedProxiesSetAddresses(t *testing.T) {
	t.Parallel()
	entries(t, func(t *testing.T, start func(o testkit.Options) *testkit.Server) {
		s := start(testkit.Options{Args: []string{"--limit-sends", "1", "--trusted-proxy", "127.0.0.9"}, Limits: true})
		proxy, untrusted, other := from(t, s.URL(), "127.0.0.9"), from(t, s.URL(), "127.0.0.2"), from(t, s.URL(), "127.0.0.3")
		for _, step := range []struct {
			site    *site
			header  string
			limited bool
			why     string
		}{
			{proxy, "192.0.2.1", true, "one client of the proxy"},
			{proxy, "192.0.2.%d", false, "each is another client"},
			{proxy, "192.0.2.%d, 192.0.2.1", true, "the client has added an address at the beginning"},
			{proxy, "198.51.100.%d, 127.0.0.9", false, "over two proxies"},
			{proxy, "nonsense %d", true, "no address: the address of the proxy counts"},
			{untrusted, "203.0.113.%d", true, "an untrusted proxy"},
			{untrusted, "203.0.113.%d, 127.0.0.9", true, "nor this"},
		} {
			if step.site.limited(step.header) != step.limited {
				t.Errorf("X-Forwarded-For: %s (%s): limited should be %v", step.header, step.why, step.limited)
			}
		}
		if answer, _ := other.ask(bearer{}, http.MethodPost, "/message?msg=x&client_id=ann", ""); answer != "202" {
			t.Errorf("another address is refused because of the first one: %s", answer)
		}
	})
}
