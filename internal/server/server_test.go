package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/internal/chat"
	"restante/internal/config"
	"restante/internal/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func start(t *testing.T, data string) *server.Server {
	t.Helper()
	s, err := server.Start(t.Context(), config.Config{
		Listen: "127.0.0.1:0", Data: data, Limit: config.Limit{Sends: -1, Requests: -1},
	}, quiet())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *server.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error("stop:", err)
	}
	http.DefaultClient.CloseIdleConnections()
}

// send posts a message and returns the status, 0 when no answer came.
func send(room, addr, id, msg string) int { return sendBy(http.DefaultClient, room, addr, id, msg) }

func sendBy(client *http.Client, room, addr, id, msg string) int {
	q := url.Values{"room": {room}, "client_id": {"ann"}, "msg": {msg}}
	if id != "" {
		q.Set("id", id)
	}
	resp, err := client.Post("http://"+addr+"/message?"+q.Encode(), "", nil)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

func history(t *testing.T, addr, room string) []chat.Message {
	t.Helper()
	resp, err := http.Get("http://" + addr + "/messages/since?since=2000-01-01T00:00:00Z&room=" + room)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var messages []chat.Message
	if err := json.NewDecoder(resp.Body).Decode(&messages); err != nil {
		t.Fatal(err)
	}
	return messages
}

func TestServer_KeepsMessagesAcrossRestarts(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/version"} {
		resp, err := http.Get("http://" + s.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if status := send("lobby", s.Addr(), "", "one"); status != http.StatusAccepted {
		t.Fatal("send:", status)
	}
	stop(t, s)
	s = start(t, data)
	if got := history(t, s.Addr(), "lobby"); len(got) != 1 || got[0].Msg != "one" || got[0].Seq != 1 {
		t.Errorf("after the restart: %+v", got)
	}
}

func TestServer_AcceptsTheLongestMessageInAQuery(t *testing.T) {
	s := start(t, t.TempDir())
	longest := strings.Repeat("€", chat.MaxMsgBytes/3) // nine bytes each once escaped
	if status := send("lobby", s.Addr(), "", longest); status != http.StatusAccepted {
		t.Error("status", status)
	}
	if got := history(t, s.Addr(), "lobby"); len(got) != 1 || got[0].Msg != longest {
		t.Error("the message was not kept as it was sent")
	}
}

func TestServer_StopMayBeCalledSeveralTimesAtOnce(t *testing.T) {
	s := start(t, t.TempDir())
	var stops sync.WaitGroup
	for range 4 {
		stops.Go(func() { stop(t, s) })
	}
	stops.Wait()
	if status := send("lobby", s.Addr(), "", "late"); status != 0 {
		t.Error("a stopped server answers with", status)
	}
}

func TestServer_StopUnderLoadLosesNothing(t *testing.T) {
	data := t.TempDir()
	s := start(t, data)
	var (
		senders  sync.WaitGroup
		mu       sync.Mutex
		accepted []string
		warm     = make(chan struct{}, 1)
	)
	for sender := range 16 {
		senders.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("00000000-0000-7000-8000-%04d%08d", sender, n)
				switch status := send("lobby", s.Addr(), id, "x"); status {
				case http.StatusAccepted:
					mu.Lock()
					accepted = append(accepted, id)
					if len(accepted) == 200 {
						warm <- struct{}{}
					}
					mu.Unlock()
				case 0, http.StatusServiceUnavailable:
					return
				default:
					t.Errorf("status %d", status)
					return
				}
			}
		})
	}
	<-warm
	stop(t, s)
	senders.Wait()

	stored := make(map[string]bool)
	for i, m := range history(t, start(t, data).Addr(), "lobby") {
		if m.Seq != int64(i+1) {
			t.Fatalf("message %d has the number %d", i+1, m.Seq)
		}
		stored[m.ID] = true
	}
	for _, id := range accepted {
		if !stored[id] {
			t.Errorf("accepted, then lost: %s", id)
		}
	}
	t.Logf("%d accepted, %d stored", len(accepted), len(stored))
}

func TestServer_StopEndsEventStreams(t *testing.T) {
	s := start(t, t.TempDir())
	resp, err := http.Get("http://" + s.Addr() + "/rooms/lobby/events?after=0")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil || line != ":\n" {
		t.Fatalf("opening of the stream: %q, %v", line, err)
	}
	begun := time.Now()
	stop(t, s)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("stop took %v: it waited for the stream", took)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error("the stream was cut, not ended:", err)
	}
}

func TestStart_SaysWhatToDo(t *testing.T) {
	s := start(t, t.TempDir())
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	used := t.TempDir()
	start(t, used)
	for name, tc := range map[string]struct {
		cfg  config.Config
		want []string
	}{
		"port in use":     {config.Config{Listen: s.Addr(), Data: t.TempDir()}, []string{"address already in use", "--listen"}},
		"not our address": {config.Config{Listen: "192.0.2.1:1", Auth: "none", Data: t.TempDir()}, []string{"no network interface", "--listen"}},
		"data in use":     {config.Config{Listen: "127.0.0.1:0", Data: used}, []string{"in use by another process", "--data"}},
		"no directory":    {config.Config{Listen: "127.0.0.1:0", Data: filepath.Join(file, "data")}, []string{"not a directory", "--data"}},
		"configuration":   {config.Config{Listen: ":0", Data: t.TempDir()}, []string{"--auth none"}},
	} {
		started, err := server.Start(t.Context(), tc.cfg, quiet())
		if err == nil {
			t.Errorf("%s: started", name)
			stop(t, started)
			continue
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: no %q in: %v", name, want, err)
			}
		}
	}
}

func TestStart_LeavesNothingBehindWhenItFails(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	data := t.TempDir()
	if _, err := server.Start(t.Context(), config.Config{Listen: taken.Addr().String(), Data: data}, quiet()); err == nil {
		t.Fatal("started on a taken port")
	}
	start(t, data) // the database must be free again
}

func TestRun_EndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ready, done := make(chan string, 1), make(chan error, 1)
	cfg := config.Config{Listen: "127.0.0.1:0", Data: t.TempDir()}
	go func() { done <- server.Run(ctx, cfg, quiet(), func(addr string) { ready <- addr }) }()
	if status := send("lobby", <-ready, "", "hi"); status != http.StatusAccepted {
		t.Error("send:", status)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error("run:", err)
	}
}
