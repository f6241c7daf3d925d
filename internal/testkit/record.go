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

// RecordVariable names a directory. When it is set, every server of a test logs at debug level, and what it logs and its
// metrics are kept there, for test/privacy to search. The fault tests take no longer with it, and what goes wrong in them
// is what errors are made of: a server under their load logs a few megabytes.
const RecordVariable = "RESTANTE_TEST_RECORD"

// Private is part of messages that tests send, and of nothing else: wherever else it is found, a message has leaked.
const Private = "foryoureyesonly"

// Files of a record, one of each kind for a process.
const (
	LogFile     = ".log"
	MetricsFile = ".metrics"
)

// record is what is kept of a process; nil keeps nothing.
type record struct {
	name string // of its files, without what they end in
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9]+`)

// newRecord returns the record of a process that is about to be started, nil if none is wanted.
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
	_ = file.Close() // it was only to find a name that is free
	return &record{name: strings.TrimSuffix(file.Name(), LogFile)}
}

// env returns the variables of a process whose log is kept; a flag of the test prevails.
func (r *record) env() []string {
	if r == nil {
		return nil
	}
	return []string{"RESTANTE_LOG_LEVEL=debug"}
}

// logFile returns the file that takes the log, "" if it is not kept.
func (r *record) logFile() string {
	if r == nil {
		return ""
	}
	return r.name + LogFile
}

// metricsLimit bounds the wait for metrics. A server that a test has broken may not answer: then there are none.
const metricsLimit = 2 * time.Second

// keepMetrics keeps the metrics of a process that is about to end, if it still gives them to the bearer of token, which
// may be empty.
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
