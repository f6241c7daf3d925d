package observe

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"restante/internal/testkit"
)

// collector receives traces as an OpenTelemetry collector does over HTTP.
type collector struct {
	mu    sync.Mutex
	spans map[string]*trace.Span // spans by name, only those of the trace in question
	nodes map[string]string      // service.instance.id of the span's node, by name of the span
	trace string                 // the id of the trace, as bytes
	added chan struct{}          // buffered: one element
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var exported coltrace.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &exported) != nil {
		http.Error(w, "not a trace", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range exported.ResourceSpans {
		node := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.instance.id" {
				node = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				if string(span.TraceId) != c.trace {
					continue
				}
				name := span.Name
				if name == request && string(span.ParentSpanId) != clientSpan {
					name = forwarded
				}
				c.spans[name], c.nodes[name] = span, node
			}
		}
	}
	select {
	case c.added <- struct{}{}:
	default:
	}
}

// wait returns when the trace has n spans.
func (c *collector) wait(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		c.mu.Lock()
		have := len(c.spans)
		c.mu.Unlock()
		if have >= n {
			return
		}
		select {
		case <-c.added:
		case <-ctx.Done():
			t.Fatalf("%d spans have arrived, want %d: %v", have, n, c.spans)
		}
	}
}

// A client that sends a message within a trace.
const (
	clientTrace = "\x0a\xf7\x65\x19\x16\xcd\x43\xdd\x84\x48\xeb\x21\x1c\x80\x31\x9c"
	clientSpan  = "\xb7\xad\x6b\x71\x69\x20\x33\x31"
	request     = "POST /message"
	forwarded   = "POST /message, forwarded" // not a span's name: a span of the name request below another node's request
)

func newCollector(t *testing.T) (*collector, []string) {
	t.Helper()
	c := &collector{spans: map[string]*trace.Span{}, nodes: map[string]string{}, trace: clientTrace, added: make(chan struct{}, 1)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return c, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_BSP_SCHEDULE_DELAY=50"}
}

// behindProxy makes the requests of a test those of a proxy, whose traces are continued.
func behindProxy(env []string) []string {
	return append(env, "RESTANTE_TRUSTED_PROXY=127.0.0.1", "RESTANTE_DRAIN_DELAY=0s")
}

// send posts a message as a client that traces.
func send(t *testing.T, s *testkit.Server) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/message?msg=secret&client_id=ann", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("traceparent", fmt.Sprintf("00-%x-%x-01", clientTrace, clientSpan))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp.Status)
	}
}

// listen reads the room of the message until the test ends: a message that nobody reads is not delivered.
func listen(t *testing.T, s *testkit.Server) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+"/rooms/lobby/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if _, err := resp.Body.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// check checks the spans of a message's way: each is below the previous one, and the first is published by the request
// of the given name.
func (c *collector) check(t *testing.T, accepted string) {
	t.Helper()
	parents := map[string]string{
		"publish": accepted, "persist": "publish", "append": "persist", "announce": "persist", "deliver": "publish",
	}
	if accepted == forwarded {
		parents[forwarded] = request
	}
	c.wait(t, len(parents)+1)
	c.mu.Lock()
	defer c.mu.Unlock()
	for child, parent := range parents {
		if c.spans[child] == nil || c.spans[parent] == nil {
			t.Fatalf("no span %s or %s", child, parent)
		}
		if string(c.spans[child].ParentSpanId) != string(c.spans[parent].SpanId) {
			t.Errorf("%s is not below %s", child, parent)
		}
	}
	for name, span := range c.spans {
		if strings.Contains(span.String(), "secret") {
			t.Errorf("%s has the text of the message: %s", name, span)
		}
	}
}

func TestTrace_LeadsFromThePostToTheDelivery(t *testing.T) {
	testkit.EachRig(t, func(t *testing.T, rig testkit.Rig) {
		c, env := newCollector(t)
		s := rig.Start(t, testkit.Options{Env: behindProxy(env)})
		waitFor(t, s, `\nrestante_hub_resyncs_total [1-9]`) // until then the hub reads the store, which is not traced
		listen(t, s)
		send(t, s)
		c.check(t, request)
	})
}

// A client that is no proxy decides neither what is recorded nor which trace it belongs to, and makes up no address.
func TestTrace_DoesNotBelieveClients(t *testing.T) {
	for name, c := range map[string]struct {
		env   []string
		spans bool
	}{
		"nothing is sampled":    {[]string{"OTEL_TRACES_SAMPLER=parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG=0"}, false},
		"everything is sampled": {nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			everything := &recorder{}
			server := httptest.NewServer(everything)
			defer server.Close()
			s := testkit.Start(t, testkit.Options{Env: append(c.env, "OTEL_EXPORTER_OTLP_ENDPOINT="+server.URL)})
			for _, path := range []string{"/rooms", "/messages/since?since=2026-01-01T00:00:00Z", "/rooms/lobby/messages"} {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL()+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("traceparent", fmt.Sprintf("00-%x-%x-01", clientTrace, clientSpan))
				r.Header.Set("tracestate", "forged=9.9.9.9")
				r.Header.Set("baggage", "forged=9.9.9.9")
				for _, name := range []string{"X-Forwarded-For", "X-Real-IP", "Forwarded"} {
					r.Header.Set(name, "9.9.9.9")
				}
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
			send(t, s)
			if status := s.Stop(20 * time.Second); status != 0 { // the last traces have been sent then
				t.Errorf("the server has ended with %d", status)
			}
			everything.mu.Lock()
			defer everything.mu.Unlock()
			if got := len(everything.got) > 0; got != c.spans {
				t.Errorf("spans were sent: %v", got)
			}
			if bytes.Contains(everything.got, []byte(clientTrace)) || bytes.Contains(everything.got, []byte("9.9.9.9")) {
				t.Errorf("what a client has made up was sent: %q", everything.got)
			}
		})
	}
}

// recorder keeps everything that a collector gets.
type recorder struct {
	mu  sync.Mutex
	got []byte
}

// ServeHTTP implements http.Handler.
func (c *recorder) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got = append(c.got, body...)
}

// TestTrace_LeadsOverThreeNodes sends a message to a node that forwards the request.
func TestTrace_LeadsOverThreeNodes(t *testing.T) {
	c, env := newCollector(t)
	env = behindProxy(env)
	cluster := testkit.NewCluster(t)
	cluster.Start(t, testkit.Options{Env: env}, "api")
	cluster.Start(t, testkit.Options{Env: env}, "consumer")
	hub := cluster.Start(t, testkit.Options{Env: env}, "hub")
	waitFor(t, hub, `\nrestante_hub_resyncs_total [1-9]`)
	waitFor(t, hub, `\nrestante_nodes_alive{role="api"} 1`)
	listen(t, hub)
	send(t, hub)
	c.check(t, forwarded)
	c.mu.Lock()
	defer c.mu.Unlock()
	at := c.nodes
	if at["publish"] == "" || at["publish"] == at["persist"] || at["persist"] == at["deliver"] || at["deliver"] != at[request] || at["publish"] != at[forwarded] {
		t.Errorf("the spans come from the nodes %q", at)
	}
}

// waitFor waits until a server shows a metric.
func waitFor(t *testing.T, s *testkit.Server, pattern string) {
	t.Helper()
	line := regexp.MustCompile(pattern)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !line.MatchString(get(t, s.URL()+"/metrics")) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the node does not show %s", pattern)
		}
	}
}
