// Package observe checks the tools that operators watch the server with. The alerts, the dashboard and the table of
// metrics use only metrics that nodes have, and the table has all of them. The test starts a real node of each shape.
package observe

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
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

// metric is the metrics of one name.
type metric struct {
	help, kind string
	labels     map[string]map[string]bool // the values of each label
}

// metrics are metrics by name, as programs show them. The name of a histogram is without _bucket.
type metrics map[string]*metric

// ofNodes returns the metrics of a node of each shape after a message, and of a node with tokens and a certificate.
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
	all.add(t, ofSecureNode(t))
	return all
}

// ofSecureNode returns the metrics page of a node with tokens and a certificate.
func ofSecureNode(t *testing.T) string {
	t.Helper()
	lender := httptest.NewUnstartedServer(nil) // its server has a certificate for 127.0.0.1
	lender.StartTLS()
	defer lender.Close()
	key, err := x509.MarshalPKCS8PrivateKey(lender.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	keys := httptest.NewServer(http.NotFoundHandler()) // a key set that cannot be fetched has metrics, too
	defer keys.Close()
	issuer := testkit.NewIssuer(t)
	o := issuer.Options(
		"--jwks-url", "https://other.example.org="+keys.URL,
		"--tls-cert", write(t, "CERTIFICATE", lender.Certificate().Raw),
		"--tls-key", write(t, "PRIVATE KEY", key),
	)
	o.Roots = x509.NewCertPool()
	o.Roots.AddCert(lender.Certificate())
	node := testkit.Start(t, o)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, node.URL()+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+issuer.Token(testkit.NewClaims("prometheus").With("admin", true)))
	resp, err := lender.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	return page(t, resp)
}

// write writes a PEM file and returns its name.
func write(t *testing.T, kind string, content []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
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
	return page(t, resp)
}

// page returns the body of an answer, which must be a success.
func page(t *testing.T, resp *http.Response) string {
	t.Helper()
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s: %v\n%s", resp.Request.URL.Path, resp.Status, err, body)
	}
	return string(body)
}

// add adds the metrics of a page in Prometheus' text format.
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
