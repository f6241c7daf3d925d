package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"restante/internal/testkit"
)

// secured returns options for servers with a certificate, and a function that replaces the certificate.
func secured(t *testing.T) (o testkit.Options, authority *testkit.Authority, replace func() (serial int64)) {
	t.Helper()
	authority = testkit.NewAuthority(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	authority.Sign(cert, key)
	o = testkit.Options{
		Args: []string{"--tls-cert", cert, "--tls-key", key}, Roots: authority.Roots,
		Env: []string{"SSL_CERT_FILE=" + authority.File}, // for requests between nodes
	}
	return o, authority, func() int64 { return authority.Sign(cert, key) }
}

// securedNodes starts a node for the API and one for the hub, and returns the first one.
func securedNodes(t *testing.T, o testkit.Options) *testkit.Server {
	t.Helper()
	cluster := testkit.NewCluster(t)
	start := func(roles ...string) *testkit.Server {
		addr := testkit.FreeAddr(t)
		own := o
		own.Args = append([]string{"--listen", addr, "--advertise", "https://" + addr}, o.Args...)
		return cluster.Start(t, own, roles...)
	}
	start("hub")
	return start("api", "consumer")
}

// newTLSSite is newSite for a server with a certificate of the authority. It uses HTTP/2.
func newTLSSite(t *testing.T, s *testkit.Server, authority *testkit.Authority) *site {
	t.Helper()
	site := newSite(t, s.URL())
	transport := &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: authority.Roots, MinVersion: tls.VersionTLS12}}
	t.Cleanup(transport.CloseIdleConnections)
	site.client = &http.Client{Transport: transport}
	return site
}

// On one machine, and with an API node that forwards hub requests to another node.
func TestTLS_OfficialClientOverEveryTransport(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]func(t *testing.T, o testkit.Options) *testkit.Server{
		"embedded":  func(t *testing.T, o testkit.Options) *testkit.Server { return testkit.Start(t, o) },
		"forwarded": securedNodes,
	} {
		t.Run(name, func(t *testing.T) {
			o, authority, _ := secured(t)
			s := shape(t, o)
			site := newTLSSite(t, s, authority)
			eventually(t, func() bool {
				_, answer := site.negotiate(bearer{})
				return answer == "200" // until it knows the other node
			})
			installModules(t)
			for _, wire := range []string{"websockets messagepack", "sse json", "longpolling json"} {
				transport, protocol, _ := strings.Cut(wire, " ")
				cmd := exec.Command(testkit.Need(t, "node"), "js/hub.mjs", s.URL(), transport, protocol)
				cmd.Env = append(cmd.Environ(), "NODE_EXTRA_CA_CERTS="+authority.File)
				start(t, cmd).wait()
			}
		})
	}
}

// Requests and streams share an HTTP/2 connection. When the certificate is replaced, existing connections continue and
// new ones get the new certificate.
func TestTLS_CertificateIsReplacedWhileClientsAreConnected(t *testing.T) {
	t.Parallel()
	o, authority, replace := secured(t)
	s := testkit.Start(t, o)
	site := newTLSSite(t, s, authority)
	stream := site.send(bearer{}, http.MethodGet, "/rooms/lobby/events", "")
	defer stream.Body.Close()
	lines := bufio.NewScanner(stream.Body)
	if lines.Scan(); stream.ProtoMajor != 2 || stream.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("the stream comes over %s with %v", stream.Proto, stream.Header)
	}
	serial := replace()
	eventually(t, func() bool { return serialOf(t, s.Addr(), authority) == serial })
	posted := site.send(bearer{}, http.MethodPost, "/message?msg=still+here&client_id=ann", "")
	if answer, _ := site.read(posted); answer != "202" || posted.ProtoMajor != 2 {
		t.Errorf("post over %s: %s", posted.Proto, answer)
	}
	for !strings.Contains(lines.Text(), "still here") {
		if !lines.Scan() {
			t.Fatalf("the stream has ended: %v", lines.Err())
		}
	}
	newcomer := newTLSSite(t, s, authority)
	if answer, content := newcomer.ask(bearer{}, http.MethodGet, "/rooms/lobby/messages", ""); answer != "200" || !strings.Contains(string(content), "still here") {
		t.Errorf("a new client: %s %s", answer, content)
	}
	if _, err := http.DefaultClient.Get(s.URL() + "/healthz"); err == nil {
		t.Error("a client that does not know the authority accepts the certificate")
	}
}

// serialOf returns the serial number of the certificate of a new connection.
func serialOf(t *testing.T, addr string, authority *testkit.Authority) int64 {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: authority.Roots, MinVersion: tls.VersionTLS12}}
	c, err := dialer.DialContext(context.WithoutCancel(t.Context()), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}
