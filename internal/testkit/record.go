package testkit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// RecordVariable names a directory. When it is set, every server of a test logs at debug level, and its log, audit log
// and metrics are kept there for test/privacy to search. This includes the fault tests, because their servers log the most errors.
// They are not slower with it: a server under their load logs a few megabytes.
const RecordVariable = "RESTANTE_TEST_RECORD"

// Private is contained in messages that tests send, and nowhere else. A message has leaked if it is found anywhere
// else.
const Private = "foryoureyesonly"

// The files of a record, one of each kind for a process.
const (
	LogFile     = ".log"
	MetricsFile = ".metrics"
	AuditFile   = ".audit"
)

// record is the record of a process; nil records nothing.
type record struct {
	name string // path of its files, without their extensions
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9]+`)

// newRecord returns the record of a process that is about to be started, or nil if nothing is to be recorded.
func newRecord(t testing.TB) *record {
	t.Helper()
	dir := os.Getenv(RecordVariable)
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	file, err := os.CreateTemp(dir, notInNames.ReplaceAllString(t.Name(), "_")+"-*"+LogFile)
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close() // the file was needed only to find a free name
	return &record{name: strings.TrimSuffix(file.Name(), LogFile)}
}

// env returns the environment variables of a process that is recorded. A flag of the test overrides them.
func (r *record) env() []string {
	if r == nil {
		return nil
	}
	return []string{"RESTANTE_LOG_LEVEL=debug", "RESTANTE_AUDIT_LOG=" + r.name + AuditFile}
}

// logFile returns the file for the log, or "" if it is not recorded.
func (r *record) logFile() string {
	if r == nil {
		return ""
	}
	return r.name + LogFile
}

// metricsLimit bounds the wait for metrics. A server that a test has broken may not answer: then they are not recorded.
const metricsLimit = 2 * time.Second

// keepMetrics records the metrics of a process that is about to end, if it still answers a request with the token,
// which may be empty.
func (r *record) keepMetrics(ctx context.Context, url, token string, roots *x509.CertPool) error {
	ctx, cancel := context.WithTimeout(ctx, metricsLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/metrics", nil)
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
	}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return os.WriteFile(r.name+MetricsFile, text, 0o600)
}
