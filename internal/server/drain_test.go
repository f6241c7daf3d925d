package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"restante/internal/config"
	"restante/internal/server"
)

// startToStop starts a server with a drain delay.
func startToStop(t *testing.T, delay time.Duration) *server.Server {
	t.Helper()
	s, err := server.Start(t.Context(), config.Config{Listen: "127.0.0.1:0", Data: t.TempDir(), Drain: 20 * time.Second, DrainDelay: &delay, Limit: config.Limit{Sends: -1, Requests: -1}}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

// ask makes a request and returns the answer and its body.
func ask(t *testing.T, client *http.Client, method, url string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// A load balancer goes on sending requests until its checks have failed twice. All of them are answered as before, each as
// the last one of its connection.
func TestServer_GoesOnWhileLoadBalancersNotice(t *testing.T) {
	const delay = 1500 * time.Millisecond
	s := startToStop(t, delay)
	base := "http://" + s.Addr()
	kept := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer kept.CloseIdleConnections()
	if resp, _ := ask(t, kept, "GET", base+"/readyz"); resp.StatusCode != http.StatusOK || resp.Close {
		t.Fatalf("before the stop: %s, close %t", resp.Status, resp.Close)
	}
	stopped := make(chan struct{})
	began := time.Now()
	go func() { defer close(stopped); stop(t, s) }()
	for {
		resp, body := ask(t, kept, "GET", base+"/readyz")
		if resp.StatusCode == http.StatusServiceUnavailable {
			if !strings.Contains(body, "accepting: the server is stopping") {
				t.Errorf("the reason is missing: %s", body)
			}
			break
		}
		if time.Since(began) > delay/3 {
			t.Fatal("still ready")
		}
	}
	posts := 0
	for ; time.Since(began) < delay*2/3; posts++ {
		resp, body := ask(t, http.DefaultClient, "POST", base+"/message?msg=hi&client_id=ann")
		if resp.StatusCode != http.StatusAccepted || !resp.Close {
			t.Fatalf("a message during the delay: %s, close %t: %s", resp.Status, resp.Close, body)
		}
	}
	<-stopped
	if took := time.Since(began); took < delay || took > delay+5*time.Second {
		t.Errorf("the stop took %v after %d messages", took, posts)
	}
}

// A server that has failed does not wait for load balancers.
func TestServer_AFailureEndsTheDelay(t *testing.T) {
	began := time.Now()
	s := startToStop(t, 20*time.Second)
	s.Fail(context.Canceled)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the stop took %v", took)
	}
}
