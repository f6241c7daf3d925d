package signalr

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/gobwas/ws"
	"github.com/prometheus/client_golang/prometheus"
)

// value returns the sum of the series of a metric that have the label value, or of all.
func value(t *testing.T, reg *prometheus.Registry, name, label string) (sum float64, series int) {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			series++
			if strings.Contains(m.String(), `"`+label+`"`) || label == "" {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum, series
}

func TestServer_CountsAndKeepsSecrets(t *testing.T) {
	reg := prometheus.NewRegistry()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r := newRig(t, Config{Metrics: reg, Log: log})
	token := r.negotiate()
	c := r.dial("?access_token=hidden&id=" + token)
	c.send(jsonHandshake)
	c.expectText("{}")
	_, before := value(t, reg, "restante_signalr_invocations_total", "")
	for _, target := range []string{"Void", "Void", "Nope1", "Nope2", "Fail"} {
		c.send(`{"type":1,"invocationId":"1","target":"` + target + `","arguments":[]}` + "\x1e")
		c.read()
	}
	check := func(name, label string, want float64) {
		t.Helper()
		if got, _ := value(t, reg, "restante_signalr_"+name, label); got != want {
			t.Errorf("%s %s: %v, want %v", name, label, got, want)
		}
	}
	check("connections", "WebSockets", 1)
	check("messages_received_total", "invocation", 5)
	check("invocations_total", "Void", 2)
	check("invocations_total", "unknown", 2)
	check("invocations_total", "failed", 1)
	if _, after := value(t, reg, "restante_signalr_invocations_total", ""); after != before {
		t.Errorf("a client has made series: %d, were %d", after, before)
	}
	if got, _ := value(t, reg, "restante_signalr_written_bytes_total", ""); got < 100 {
		t.Errorf("%v bytes written", got)
	}
	c.send(`{"type":7}` + "\x1e")
	c.expectText(`{"type":7}`)
	c.expectEnd(ws.StatusNormalClosure)
	r.server.Close()
	check("connections", "WebSockets", 0)
	check("connections_closed_total", "client", 1)
	if text := out.String(); strings.Contains(text, token) || strings.Contains(text, "hidden") || strings.Count(text, "connection opened") != 1 || strings.Count(text, "connection closed") != 1 {
		t.Errorf("log: %s", text)
	}
}
