package deploy

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/testkit"
)

// output collects what a process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// balancer is HAProxy with the configuration of deploy, except for its own addresses, those of the nodes, for which
// there is no name server, and the given changes.
type balancer struct {
	url, metrics string
	log          *output
}

func startBalancer(t *testing.T, api, hub string, changes ...[2]string) *balancer {
	t.Helper()
	return balance(t, []string{api}, []string{hub}, append(changes, [2]string{"inter 2s", "inter 100ms"})...)
}

// balance starts a balancer of several nodes, with the checks of deploy.
func balance(t *testing.T, apis, hubs []string, changes ...[2]string) *balancer {
	t.Helper()
	program := testkit.Need(t, "haproxy")
	b := &balancer{log: &output{}}
	public, private := testkit.FreeAddr(t), testkit.FreeAddr(t)
	b.url, b.metrics = "http://"+public, "http://"+private
	text := read(t, "deploy/haproxy.cfg")
	for _, change := range append([][2]string{
		{"bind :8080", "bind " + public}, {"bind :8404", "bind " + private},
		{"\tserver-template hub 20 hub:8080 backup\n", servers("hub", " backup", hubs)}, {"\tserver-template api 20 api:8080 backup\n", servers("api", " backup", apis)},
		{"\tserver-template api 20 api:8080\n", servers("api", "", apis)}, {"\tserver-template hub 20 hub:8080\n", servers("hub", "", hubs)},
		{" resolvers docker resolve-prefer ipv4 init-addr none", ""},
	}, changes...) {
		if !strings.Contains(text, change[0]) {
			t.Fatalf("the configuration has no %q", change[0])
		}
		text = strings.ReplaceAll(text, change[0], change[1])
	}
	file := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-db", "-f", file)
	cmd.Stdout, cmd.Stderr = b.log, b.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of HAProxy:\n%s", b.log)
		}
	})
	return b
}

// servers returns the lines of nodes that a name server would find.
func servers(name, options string, addrs []string) string {
	var lines strings.Builder
	for i, addr := range addrs {
		fmt.Fprintf(&lines, "\tserver %s%d %s%s\n", name, i+1, addr, options)
	}
	return lines.String()
}

// healthy returns a function that reports whether the load balancer has nodes of both roles.
func (b *balancer) healthy(t *testing.T) func() bool {
	return func() bool { code, _ := status(t, "GET", b.metrics+"/health"); return code == http.StatusOK }
}

// status returns the status and body of an answer, or 0 if there is none.
func status(t *testing.T, method, url string) (int, string) {
	t.Helper()
	return ask(t, clientAt("127.0.0.1"), method, url, http.Header{})
}

// as is status with a token, without the body.
func as(t *testing.T, token, method, url string) int {
	t.Helper()
	code, _ := ask(t, clientAt("127.0.0.1"), method, url, http.Header{"Authorization": {"Bearer " + token}})
	return code
}

// ask returns the status and body of the answer to a request with these headers, or 0 if there is none.
func ask(t *testing.T, client *http.Client, method, url string, h http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = h
	resp, err := client.Do(req)
	if err != nil {
		return 0, ""
	}
	return resp.StatusCode, bodyOf(resp)
}

func bodyOf(resp *http.Response) string {
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

// eventually waits until check returns true.
func eventually(t *testing.T, what string, check func() bool) {
	t.Helper()
	limit := time.After(20 * time.Second)
	for !check() {
		select {
		case <-limit:
			t.Fatalf("not in 20 s: %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// firstEvent returns the first message of a room's event stream. The token is in the query, as in browsers.
func firstEvent(t *testing.T, base, room, token string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/rooms/"+room+"/events?after=0&access_token="+token, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data:"); ok {
			return data
		}
	}
	return ""
}

func TestBalancer_ConfigurationIsValid(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), testkit.Need(t, "haproxy"), "-c", "-f", filepath.Join(root, "deploy/haproxy.cfg")).CombinedOutput()
	if err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestBalancer_SendsEachRequestWhereItBelongs uses two servers that are not connected, so that what each has stored
// shows which one got the request.
func TestBalancer_SendsEachRequestWhereItBelongs(t *testing.T) {
	api, hub := testkit.Start(t, testkit.Options{}), testkit.Start(t, testkit.Options{})
	b := startBalancer(t, api.Addr(), hub.Addr())
	healthy := b.healthy(t)
	eventually(t, "the load balancer has nodes", healthy)

	if code, _ := status(t, "POST", b.url+"/message?msg=secret-text&client_id=ann&room=ops"); code != http.StatusAccepted {
		t.Fatal("POST:", code)
	}
	if got := api.ReadRoom("ops"); len(got) != 1 {
		t.Errorf("the api node has %d messages", len(got))
	}
	status(t, "POST", hub.URL()+"/message?msg=of+the+hub&client_id=ann&room=ops")
	if got := firstEvent(t, b.url, "ops", ""); !strings.Contains(got, "of the hub") {
		t.Errorf("the event stream is not the hub's: %q", got)
	}
	if code, body := status(t, "POST", b.url+"/messageHub/negotiate?negotiateVersion=1"); code != http.StatusOK || !strings.Contains(body, "connectionToken") {
		t.Errorf("negotiate: %d %s", code, body)
	}
	if code, body := status(t, "GET", b.metrics+"/metrics"); code != http.StatusOK || !strings.Contains(body, "haproxy_backend_active_servers") {
		t.Errorf("metrics of the load balancer: %d", code)
	}
	eventually(t, "requests are logged", func() bool { return strings.Contains(b.log.String(), "POST /message\n") })
	if strings.Contains(b.log.String(), "secret-text") {
		t.Error("the text of a message is in the log")
	}

	hub.Kill()
	eventually(t, "the api node is asked for streams when there is no hub", func() bool {
		return strings.Contains(firstEvent(t, b.url, "ops", ""), "secret-text")
	})
	if healthy() {
		t.Error("the load balancer counts as healthy without a hub")
	}
	api.Kill()
	eventually(t, "503 when there is no node", func() bool { code, _ := status(t, "GET", b.url+"/rooms"); return code == http.StatusServiceUnavailable })
	hub.Restart()
	eventually(t, "a node that comes back is used", func() bool { code, _ := status(t, "GET", b.url+"/rooms"); return code == http.StatusOK })
}

// startUnready starts an HTTP server that is alive and not ready. It answers with its name, and with the address that
// the request claims to come from.
func startUnready(t *testing.T, name string) (addr string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprintf(w, "%s\n%s", name, said(r))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: mux}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(listener) }()
	t.Cleanup(func() { _ = srv.Close(); <-done })
	return listener.Addr().String()
}

// TestBalancer_LetsANodeSayWhyItIsNotReady: if no node is ready, a node of the right role answers nevertheless, because
// it may still answer reads.
func TestBalancer_LetsANodeSayWhyItIsNotReady(t *testing.T) {
	b := startBalancer(t, startUnready(t, "api"), startUnready(t, "hub"))
	for path, want := range map[string]string{"/rooms": "api", "/messageHub": "hub", "/rooms/ops/events": "hub"} {
		want += "\n"
		var body string
		eventually(t, "an answer", func() bool { _, body = status(t, "GET", b.url+path); return strings.Contains(body, "X-Forwarded") })
		for range 4 {
			if _, body = status(t, "GET", b.url+path); !strings.HasPrefix(body, want) {
				t.Errorf("%s: %q, want %q", path, body, want)
			}
		}
	}
}
