package observe

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
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
	spans map[string]*trace.Span // by name; only those of the trace that is looked for
	nodes map[string]string      // service.instance.id of the span's node, by name of the span
	trace string                 // its id
	added chan struct{}          // has room for one
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request coltrace.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(body, &request) != nil {
		http.Error(w, "not a trace", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		node := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.instance.id" {
				node = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				if string(span.TraceId) == c.trace {
					c.spans[span.Name], c.nodes[span.Name] = span, node
				}
			}
		}
	}
	select {
	case c.added <- struct{}{}:
	default:
	}
}

// wait returns when the trace has so many spans.
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

// clientTrace is the trace of a client that sends a message.
const clientTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func newCollector(t *testing.T) (*collector, []string) {
	t.Helper()
	id := make([]byte, 0, 16)
	for i := 3; i < 35; i += 2 {
		id = append(id, unhex(clientTrace[i])<<4|unhex(clientTrace[i+1]))
	}
	c := &collector{spans: map[string]*trace.Span{}, nodes: map[string]string{}, trace: string(id), added: make(chan struct{}, 1)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	return c, []string{"OTEL_EXPORTER_OTLP_ENDPOINT=" + server.URL, "OTEL_BSP_SCHEDULE_DELAY=50"}
}

func unhex(c byte) byte { return byte(strings.IndexByte("0123456789abcdef", c)) }

// send posts a message as a client that traces.
func send(t *testing.T, s *testkit.Server) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL()+"/message?msg=secret&client_id=ann", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("traceparent", clientTrace)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		t.Fatal(resp.Status)
	}
}

// parents are the spans of a message's way, each with the one above it.
var parents = map[string]string{
	"publish": "POST /message", "persist": "publish", "append": "persist", "announce": "persist", "deliver": "publish",
}

func (c *collector) check(t *testing.T) {
	t.Helper()
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
		s := rig.Start(t, testkit.Options{Env: env})
		waitHearing(t, s)
		send(t, s)
		c.check(t)
	})
}

func TestTrace_LeadsOverThreeNodes(t *testing.T) {
	c, env := newCollector(t)
	cluster := testkit.NewCluster(t)
	api := cluster.Start(t, testkit.Options{Env: env}, "api")
	cluster.Start(t, testkit.Options{Env: env}, "consumer")
	waitHearing(t, cluster.Start(t, testkit.Options{Env: env}, "hub"))
	send(t, api)
	c.check(t)
	c.mu.Lock()
	defer c.mu.Unlock()
	sender, consumer, hub := c.nodes["publish"], c.nodes["persist"], c.nodes["deliver"]
	if sender == "" || consumer == "" || hub == "" || sender == consumer || consumer == hub || hub == sender {
		t.Errorf("published by node %q, persisted by %q, delivered by %q", sender, consumer, hub)
	}
}

// waitHearing waits until the hub of a server hears announcements: until then it reads the store, which no trace shows.
func waitHearing(t *testing.T, s *testkit.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(get(t, s.URL()+"/metrics"), "\nrestante_hub_resyncs_total 1\n") {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("the hub does not hear announcements")
		}
	}
}
