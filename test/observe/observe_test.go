// Package observe checks what operators watch the server with: the alerts, the dashboard and the table of metrics name
// nothing that the nodes do not show, and what the nodes show is in the table. The nodes are real ones, one of each shape.
package observe

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// read returns a file of the module.
func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// metric is what is shown under one name.
type metric struct {
	help, kind string
	labels     map[string]map[string]bool // the values that were seen of each
}

// metrics are what programs show, by the name of the family: that of a histogram is without its _bucket.
type metrics map[string]*metric

// ofNodes returns what a node of each shape shows after a message has passed it.
func ofNodes(t *testing.T) metrics {
	t.Helper()
	all := metrics{}
	for _, rig := range testkit.Rigs() {
		node := rig.Start(t, testkit.Options{})
		resp, err := client().PostForm(node.URL()+"/message?"+url.Values{"room": {"watched"}, "client_id": {"ann"}, "msg": {"hi"}}.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		node.WaitSeq("watched", 1)
		all.add(t, metricsOf(t, node))
	}
	return all
}

// metricsOf returns the page that a node shows to Prometheus.
func metricsOf(t *testing.T, node *testkit.Server) string {
	t.Helper()
	return get(t, node.URL()+"/metrics")
}

func client() *http.Client {
	return &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := client().Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s: %v\n%s", url, resp.Status, err, body)
	}
	return string(body)
}

// add adds what a page in Prometheus' text format has.
func (all metrics) add(t *testing.T, page string) {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range families {
		m := all[name]
		if m == nil {
			m = &metric{labels: map[string]map[string]bool{}}
			all[name] = m
		}
		m.help, m.kind = f.GetHelp(), kinds[f.GetType()]
		for _, series := range f.GetMetric() {
			for _, l := range series.GetLabel() {
				if m.labels[l.GetName()] == nil {
					m.labels[l.GetName()] = map[string]bool{}
				}
				m.labels[l.GetName()][l.GetValue()] = true
			}
		}
	}
}

var kinds = map[dto.MetricType]string{
	dto.MetricType_COUNTER: "counter", dto.MetricType_GAUGE: "gauge",
	dto.MetricType_HISTOGRAM: "histogram", dto.MetricType_SUMMARY: "summary", dto.MetricType_UNTYPED: "untyped",
}
