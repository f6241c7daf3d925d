// Package telemetry sends traces to OpenTelemetry when the environment says where to. One trace leads from the request
// that sent a message through the broker to its delivery; the spans of the journey are in the concrete types of broker
// and store, and those of HTTP here.
package telemetry

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"restante/internal/route"
)

// Config configures Telemetry. The zero value is ready to use.
type Config struct {
	Log     *slog.Logger // gets a line at warn when traces cannot be sent, at most one a minute. Default: discarded
	Node    string       // service.instance.id; default: none
	Version string       // service.version; default: none
}

// Telemetry sends a node's traces. Its methods may be called concurrently.
type Telemetry struct {
	log      *slog.Logger
	provider *sdktrace.TracerProvider // nil: nothing is traced
}

// Start begins to send traces if OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set; the other
// OTEL_ variables that the OpenTelemetry SDK specification names are honoured too. Otherwise nothing is traced, at no
// cost. It does not connect to anything yet.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if !wanted() {
		return &Telemetry{log: cfg.Log}, nil
	}
	if err := check(); err != nil {
		return nil, fmt.Errorf("traces: %w", err)
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("traces: %w (the OTEL_ variables of the environment say where they go)", err)
	}
	return start(ctx, cfg, sdktrace.WithBatcher(exporter))
}

// Where traces go; either of them turns tracing on.
const (
	tracesEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	endpoint       = "OTEL_EXPORTER_OTLP_ENDPOINT"
)

// wanted reports whether the environment asks for traces.
func wanted() bool {
	return os.Getenv(tracesEndpoint)+os.Getenv(endpoint) != "" && os.Getenv("OTEL_TRACES_EXPORTER") != "none" && !strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true")
}

// supported is how traces are sent.
const supported = "http/protobuf"

// check returns an error for settings that the exporter would silently misread.
func check() error {
	if p := cmp.Or(os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")); p != "" && p != supported {
		return fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %s, and only %s is supported (port 4318 of most collectors)", p, supported)
	}
	for _, variable := range []string{tracesEndpoint, endpoint} {
		value := os.Getenv(variable)
		if value == "" {
			continue
		}
		if u, err := url.Parse(value); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return fmt.Errorf("%s must be an address such as http://collector:4318", variable)
		}
	}
	return nil
}

// start sends traces to where the option says.
func start(ctx context.Context, cfg Config, to sdktrace.TracerProviderOption) (*Telemetry, error) {
	attributes := []attribute.KeyValue{attribute.String("service.name", "restante")}
	for key, value := range map[string]string{"service.instance.id": cfg.Node, "service.version": cfg.Version} {
		if value != "" {
			attributes = append(attributes, attribute.String(key, value))
		}
	}
	// The environment comes last: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES override these attributes.
	node, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(attributes...), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("traces: %w (OTEL_RESOURCE_ATTRIBUTES)", err)
	}
	// The SDK reports its failures through this global handler only.
	otel.SetErrorHandler(&failures{log: cfg.Log})
	provider := sdktrace.NewTracerProvider(to, sdktrace.WithResource(node)) // the environment configures the sampler
	return &Telemetry{log: cfg.Log, provider: provider}, nil
}

// Provider returns the provider of tracers, nil when nothing is traced.
func (t *Telemetry) Provider() trace.TracerProvider {
	if t.provider == nil {
		return nil
	}
	return t.provider
}

// flushTimeout is how long Stop waits for a collector that does not answer: traces must not delay the end of a server.
const flushTimeout = 3 * time.Second

// Stop sends the traces that are still waiting, for three seconds at most or until ctx is done. Lost traces are logged, and
// are no error.
func (t *Telemetry) Stop(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.Warn("the last traces were not sent", "error", err)
	}
	return nil
}

// Wrap returns handler with a span around each request whose route is traced. It believes what the headers of a request say of its
// trace, so package remote must have removed those of clients. The address of the client is the RemoteAddr of the request.
func (t *Telemetry) Wrap(handler http.Handler) http.Handler {
	if t.provider == nil {
		return handler
	}
	propagator := propagation.TraceContext{}
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if said, ok := r.Context().Value(saidKey{}).([]string); ok {
			r.Header[forwardedFor] = said // for the node to which it may be forwarded
		}
		trace.SpanFromContext(r.Context()).SetAttributes(attribute.String("http.route", route.Of(r).Path()))
		propagator.Inject(r.Context(), propagation.HeaderCarrier(r.Header)) // for the node to which it may be forwarded
		handler.ServeHTTP(w, r)
	})
	traced := otelhttp.NewHandler(inner, "",
		otelhttp.WithTracerProvider(t.provider), otelhttp.WithMeterProvider(metricnoop.NewMeterProvider()),
		otelhttp.WithPropagators(propagator),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + route.Of(r).Path() }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !route.Of(r).IsTraced() || r.Method != http.MethodGet && r.Method != http.MethodPost {
			handler.ServeHTTP(w, r)
			return
		}
		if said, ok := r.Header[forwardedFor]; ok { // its first address, which a client can make up, would become the span's
			r = r.WithContext(context.WithValue(r.Context(), saidKey{}, said))
			delete(r.Header, forwardedFor)
		}
		traced.ServeHTTP(w, r)
	})
}

const forwardedFor = "X-Forwarded-For"

// saidKey is the key of the addresses that a trusted proxy has said.
type saidKey struct{}

// failures logs that traces cannot be sent, at most once a minute.
type failures struct {
	log  *slog.Logger
	last atomic.Int64 // time of the last log line, in Unix nanoseconds
}

// Handle implements otel.ErrorHandler.
func (f *failures) Handle(err error) {
	now, last := time.Now().UnixNano(), f.last.Load()
	if now-last < int64(time.Minute) || !f.last.CompareAndSwap(last, now) {
		return
	}
	f.log.Warn("traces cannot be sent", "error", err)
}
