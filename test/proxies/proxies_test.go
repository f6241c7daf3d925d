// Package proxies runs the binary behind the proxies that people put in front of it, each with its defaults: the clients on every
// wire get every message, at once, and a quiet connection is not cut.
package proxies

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"restante/internal/testkit"
)

func TestMain(m *testing.M) {
	// The tests mostly wait, so all proxies are tried at once, whatever the number of processors.
	if err := flag.Set("test.parallel", "16"); err != nil {
		panic(err)
	}
	testkit.Main(m)
}

// proxy is a kind of proxy.
type proxy struct {
	name       string
	start      func(t *testing.T, target string) (addr string) // target and addr are HOST:PORT; it ends with the test
	websockets bool                                            // it lets them pass
	host       bool                                            // it passes the client's Host on
	halfClosed bool                                            // it answers clients that end their side after a request
}

func all() []proxy {
	return []proxy{
		// All but the first line of the location is nginx's default: HTTP/1.0 to the server, buffers, 60 s.
		{"nginx", func(t *testing.T, target string) string {
			return nginx(t, "location / {\nproxy_set_header Host $http_host;\nproxy_pass http://"+target+";\n}")
		}, false, true, false},
		{"nginx with its own Host", func(t *testing.T, target string) string {
			return nginx(t, "location / { proxy_pass http://"+target+"; }")
		}, false, false, false},
		{"nginx as in the manual", func(t *testing.T, target string) string {
			return nginx(t, strings.ReplaceAll(manual(t, "nginx"), "127.0.0.1:8080", target))
		}, true, true, true},
		{"haproxy", func(t *testing.T, target string) string { return haproxy(t, target) }, true, true, true},
		{"like Caddy", func(t *testing.T, target string) string {
			return inGo(t, target, func(p *httputil.ProxyRequest) { p.Out.Host = p.In.Host }, 0)
		}, true, true, false},
		{"like YARP", func(t *testing.T, target string) string {
			return inGo(t, target, func(*httputil.ProxyRequest) {}, -1)
		}, true, false, false},
		{"development server", devProxy, true, true, false},
	}
}

// eachProxy runs a test body beside the others, once for each proxy, with a server of its own.
func eachProxy(t *testing.T, body func(t *testing.T, p proxy, server *testkit.Server, addr string)) {
	for _, p := range all() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			server := testkit.Start(t, testkit.Options{})
			addr := p.start(t, server.Addr())
			listening(t, addr)
			body(t, p, server, addr)
		})
	}
}

// nginx starts nginx with a server that has these lines. The other lines say where its files are, and nothing about proxies.
func nginx(t *testing.T, lines string) (addr string) {
	t.Helper()
	program := testkit.Need(t, "nginx")
	dir := t.TempDir()
	addr = testkit.FreeAddr(t)
	text := "daemon off;\npid " + dir + "/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"
	if os.Getuid() == 0 {
		text = "user root;\n" + text
	}
	for _, name := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		text += name + "_temp_path " + dir + "/" + name + ";\n"
	}
	outside, inside, found := strings.Cut(lines, "server {\n")
	if !found {
		outside, inside = "", lines+"\n}"
	}
	text += outside + "server {\nlisten " + addr + ";\n" + inside + "\n}\n"
	file := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exec.Command(program, "-p", dir, "-c", file))
	return addr
}

// haproxy starts HAProxy with the time limits that Debian's configuration has.
func haproxy(t *testing.T, target string) (addr string) {
	t.Helper()
	program := testkit.Need(t, "haproxy")
	addr = testkit.FreeAddr(t)
	text := "defaults\n\tmode http\n\ttimeout connect 5000\n\ttimeout client 50000\n\ttimeout server 50000\n" +
		"frontend in\n\tbind " + addr + "\n\tdefault_backend out\nbackend out\n\tserver one " + target + "\n"
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, exec.Command(program, "-db", "-f", file))
	return addr
}

// devProxy starts the proxy of js.
func devProxy(t *testing.T, target string) (addr string) {
	t.Helper()
	node := testkit.Need(t, "node")
	if _, err := os.Stat("js/node_modules/.package-lock.json"); err != nil {
		testkit.Missing(t, "the npm packages of test/proxies/js: %v", err)
	}
	addr = testkit.FreeAddr(t)
	_, port, _ := net.SplitHostPort(addr)
	run(t, exec.Command(node, "js/devproxy.mjs", port, "http://"+target))
	return addr
}

// inGo starts a proxy of Go's library, on which Caddy's is based. change completes what it sends to the server; flush is how soon it
// passes on what it has got of an answer that is no event stream.
func inGo(t *testing.T, target string, change func(*httputil.ProxyRequest), flush time.Duration) (addr string) {
	t.Helper()
	transport := &http.Transport{}
	srv := httptest.NewServer(&httputil.ReverseProxy{
		Transport: transport, FlushInterval: flush,
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: target})
			p.SetXForwarded()
			change(p)
		},
	})
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		transport.CloseIdleConnections()
	})
	return srv.Listener.Addr().String()
}

// manual returns the configuration of a proxy that the manual shows.
func manual(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "```"+name+"\n")
	if !found {
		t.Fatalf("the manual has no configuration of %s", name)
	}
	lines, _, _ := strings.Cut(after, "```")
	return lines
}

// run runs a program until the test ends.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // nginx ends its workers then
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", strings.Join(cmd.Args, " "), &output)
		}
	})
}

// listening waits until a program accepts connections.
func listening(t *testing.T, addr string) {
	t.Helper()
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) { //nolint:forbidigo // there is no event to wait for
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
			return
		}
		if time.Now().After(late) {
			t.Fatal(err)
		}
	}
}

// request sends a request and returns the answer, which the caller closes.
func request(t *testing.T, client *http.Client, method, url, body string, headers ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, url, err)
	}
	return resp
}

// post sends a message.
func post(t *testing.T, client *http.Client, base, room, text string) {
	t.Helper()
	resp := request(t, client, "POST", base+"/rooms/"+room+"/messages", fmt.Sprintf(`{"msg":%q,"client_id":"ann"}`, text), "Content-Type", "application/json")
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatalf("POST: %s", resp.Status)
	}
}
