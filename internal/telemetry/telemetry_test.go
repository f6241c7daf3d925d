package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTelemetry_IsOffUnlessTheEnvironmentNamesACollector(t *testing.T) {
	for name, env := range map[string][]string{
		"nothing":     {},
		"disabled":    {"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_SDK_DISABLED=true"},
		"no exporter": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://127.0.0.1:1", "OTEL_TRACES_EXPORTER=none"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range env {
				key, value, _ := strings.Cut(variable, "=")
				t.Setenv(key, value)
			}
			traces, err := Start(t.Context(), Config{})
			if err != nil || traces.Provider() != nil {
				t.Errorf("tracing is on: %v", err)
			}
			if err := traces.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// collector is the receiver of an OpenTelemetry collector over HTTP.
type collector struct {
	mu    sync.Mutex
	got   []string // the names of spans, with the service's
	attrs string
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var request coltrace.ExportTraceServiceRequest
	if err := proto.Unmarshal(body, &request); err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "not a trace", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range request.ResourceSpans {
		c.attrs += resource.Resource.String()
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				c.got = append(c.got, span.Name)
			}
		}
	}
}

func TestTelemetry_SendsSpansToTheCollector(t *testing.T) {
	c := new(collector)
	server := httptest.NewServer(c)
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
	traces, err := Start(t.Context(), Config{Node: "n1", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	_, span := traces.Provider().Tracer("test").Start(t.Context(), "a span")
	span.End()
	if err := traces.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.got) != 1 || c.got[0] != "a span" {
		t.Errorf("the collector has %q", c.got)
	}
	for _, want := range []string{"restante", "n1", "1.2.3", "deployment.environment"} {
		if !strings.Contains(c.attrs, want) {
			t.Errorf("the resource lacks %q: %s", want, c.attrs)
		}
	}
}

func TestWrap_TracesWhatSendsAndReadsAndNothingElse(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	traces, err := start(t.Context(), Config{}, sdktrace.WithSyncer(spans))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = traces.Stop(context.WithoutCancel(t.Context())) }()
	var forwarded string
	handler := traces.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { forwarded = r.Header.Get("traceparent") }))
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	for path, want := range map[string]string{
		"/message": "POST /message", "/messages/since": "POST /messages/since", "/rooms": "POST /rooms",
		"/rooms/lobby/messages": "POST /rooms/{room}/messages",
		"/rooms/lobby/events":   "", "/messageHub": "", "/messageHub/negotiate": "", "/healthz": "", "/metrics": "", "/": "",
	} {
		spans.Reset()
		r := httptest.NewRequest(http.MethodPost, path+"?msg=secret", nil)
		r.Header.Set("traceparent", parent)
		handler.ServeHTTP(httptest.NewRecorder(), r)
		got := spans.GetSpans()
		switch {
		case want == "" && (len(got) > 0 || forwarded != parent):
			t.Errorf("%s: spans %v, forwarded with %s", path, got, forwarded)
		case want == "":
		case len(got) != 1 || got[0].Name != want || got[0].SpanContext.TraceID().String() != parent[3:35]:
			t.Errorf("%s: spans %v, want %s in the client's trace", path, got, want)
		case !strings.Contains(forwarded, got[0].SpanContext.SpanID().String()):
			t.Errorf("%s: forwarded with %s, not with the span of this node", path, forwarded)
		}
		for _, span := range got {
			if want := attribute.String("http.route", strings.TrimPrefix(want, "POST ")); !slices.Contains(span.Attributes, want) {
				t.Errorf("%s: the span has no %v", path, want)
			}
			for _, a := range span.Attributes {
				if strings.Contains(a.Value.Emit(), "secret") {
					t.Errorf("%s: the span has the text of a message: %v", path, a)
				}
			}
		}
	}
}

// The address of the client in a span is the one that package remote has found out, never one that a client has written into a header.
// The node to which the request is forwarded gets the header all the same.
func TestWrap_TheAddressIsThatOfTheRequest(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	traces, err := start(t.Context(), Config{}, sdktrace.WithSyncer(spans))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = traces.Stop(context.WithoutCancel(t.Context())) }()
	r := httptest.NewRequest(http.MethodGet, "/rooms", nil)
	r.RemoteAddr = "198.51.100.7:0"
	r.Header["X-Forwarded-For"] = []string{"9.9.9.9, 198.51.100.7"}
	r.Header.Set("Forwarded", "for=9.9.9.9")
	r.Header.Set("X-Real-Ip", "9.9.9.9")
	var forwarded []string
	traces.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { forwarded = r.Header["X-Forwarded-For"] })).ServeHTTP(httptest.NewRecorder(), r)
	if !slices.Equal(forwarded, []string{"9.9.9.9, 198.51.100.7"}) {
		t.Errorf("the handler sees %q", forwarded)
	}
	for _, span := range spans.GetSpans() {
		for _, a := range span.Attributes {
			if strings.Contains(a.Value.Emit(), "9.9.9.9") {
				t.Errorf("the span has %v", a)
			}
		}
		if !slices.Contains(span.Attributes, attribute.String("client.address", "198.51.100.7")) {
			t.Errorf("the span has no address of the client: %v", span.Attributes)
		}
	}
}

func TestTelemetry_SaysWhatIsWrongWithTheEnvironment(t *testing.T) {
	const good = "http://127.0.0.1:4318"
	for name, c := range map[string]struct{ endpoint, tracesEndpoint, protocol, want string }{
		"nothing":            {good, "", "", ""},
		"the known protocol": {good, "", "http/protobuf", ""},
		"another protocol":   {good, "", "grpc", "http/protobuf"},
		"no scheme":          {"127.0.0.1:4318", "", "", "OTEL_EXPORTER_OTLP_ENDPOINT"},
		"another scheme":     {"", "grpc://127.0.0.1:4317", "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		"no address":         {good, "http:", "", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"},
		"with a password":    {"http://me:secret@:x:y", "", "", "OTEL_EXPORTER_OTLP_ENDPOINT"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(endpoint, c.endpoint)
			t.Setenv(tracesEndpoint, c.tracesEndpoint)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", c.protocol)
			traces, err := Start(t.Context(), Config{})
			switch {
			case err == nil && c.want == "":
				if err := traces.Stop(t.Context()); err != nil {
					t.Error(err)
				}
			case err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret"):
				t.Errorf("%v, want an error about %s", err, c.want)
			}
		})
	}
}

func TestTelemetry_TheSamplerIsTheEnvironments(t *testing.T) {
	for name, c := range map[string]struct {
		sampler, parent string
		want            bool
	}{
		"default":                        {"", "", true},
		"default, not sampled by client": {"", "00", false},
		"off":                            {"always_off", "01", false},
		"off, but sampled by the client": {"parentbased_always_off", "01", true},
		"off, and the client says no":    {"parentbased_always_off", "00", false},
		"nothing of it":                  {"parentbased_traceidratio", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_TRACES_SAMPLER", c.sampler)
			t.Setenv("OTEL_TRACES_SAMPLER_ARG", "0")
			spans := tracetest.NewInMemoryExporter()
			traces, err := start(t.Context(), Config{}, sdktrace.WithSyncer(spans))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = traces.Stop(context.WithoutCancel(t.Context())) }()
			r := httptest.NewRequest(http.MethodPost, "/message", nil)
			if c.parent != "" {
				r.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-"+c.parent)
			}
			traces.Wrap(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), r)
			if got := len(spans.GetSpans()) > 0; got != c.want {
				t.Errorf("traced: %v", got)
			}
		})
	}
}

// TestTelemetry_StopDoesNotWaitForACollectorThatHangs: the traces are lost, the server ends.
func TestTelemetry_StopDoesNotWaitForACollectorThatHangs(t *testing.T) {
	hanging := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hanging:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(hanging)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	var logged bytes.Buffer
	traces, err := Start(t.Context(), Config{Log: slog.New(slog.NewTextHandler(&logged, nil))})
	if err != nil {
		t.Fatal(err)
	}
	_, span := traces.Provider().Tracer("test").Start(t.Context(), "a span")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := traces.Stop(ctx); err != nil || time.Since(start) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(start))
	}
	if !strings.Contains(logged.String(), "not sent") {
		t.Errorf("the log says nothing of it: %s", &logged)
	}
}

func TestTelemetry_FailuresAreLoggedOncePerMinute(t *testing.T) {
	var logged bytes.Buffer
	traces, err := start(t.Context(), Config{Log: slog.New(slog.NewTextHandler(&logged, nil))}, sdktrace.WithSyncer(tracetest.NewInMemoryExporter()))
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		otel.Handle(errors.New("the collector is away"))
	}
	if n := strings.Count(logged.String(), "the collector is away"); n != 1 {
		t.Errorf("%d lines: %s", n, &logged)
	}
	if err := traces.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
