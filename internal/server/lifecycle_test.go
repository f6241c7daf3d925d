package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/internal/config"
	"restante/internal/lifecycle"
	"restante/internal/server"
	"restante/internal/testkit"
)

// everything returns the configuration of a server for one machine in which each part that can run there runs, tokens of
// a key set and certificates among them.
func everything(t *testing.T) config.Config {
	t.Helper()
	dir := t.TempDir()
	tls := config.TLS{Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	testkit.NewAuthority(t).Sign(tls.Cert, tls.Key)
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)
	}))
	t.Cleanup(keys.Close)
	return config.Config{
		Listen: "127.0.0.1:0", Data: filepath.Join(dir, "data"), TLS: tls, Auth: config.AuthJWT, JWKSURL: []string{keys.URL},
		Drain: 5 * time.Second,
	}
}

// stepNames returns the steps that a server has with this configuration.
func stepNames(t *testing.T, cfg config.Config) (names []string) {
	t.Helper()
	_, err := server.StartWith(t.Context(), cfg, quiet(), func(steps []lifecycle.Step) []lifecycle.Step {
		for _, step := range steps {
			if !step.Skip {
				names = append(names, step.Name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// before inserts a step with this start before the step with the given name.
func before(name string, start func(ctx context.Context) (lifecycle.Stop, error)) func([]lifecycle.Step) []lifecycle.Step {
	return func(steps []lifecycle.Step) []lifecycle.Step {
		i := slices.IndexFunc(steps, func(s lifecycle.Step) bool { return s.Name == name })
		return slices.Insert(steps, i, lifecycle.Step{Name: "of the test", Start: start})
	}
}

// TestStart_FailsAtEveryStep lets the start fail before each step, and then end early there: what has started must stop.
func TestStart_FailsAtEveryStep(t *testing.T) {
	cfg := everything(t)
	names := stepNames(t, cfg)
	for _, must := range []string{"store", "switches", "broker", "access", "hub", "deliver", "persist", "certificates", "http"} {
		if !slices.Contains(names, must) {
			t.Errorf("the server has no step %q: %q", must, names)
		}
	}
	running := goleak.IgnoreCurrent()
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			defer goleak.VerifyNone(t, running)
			broken := errors.New("broken")
			_, err := server.StartWith(t.Context(), cfg, quiet(), before(name, func(context.Context) (lifecycle.Stop, error) {
				return nil, broken
			}))
			if err == nil || err.Error() != broken.Error() { // nothing else has gone wrong
				t.Errorf("a step that fails: %v", err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err = server.StartWith(ctx, cfg, quiet(), before(name, func(ctx context.Context) (lifecycle.Stop, error) {
				cancel()
				<-ctx.Done()
				return nil, ctx.Err()
			}))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("a start that is ended: %v", err)
			}
		})
	}
	s, err := server.Start(t.Context(), cfg, quiet()) // the database and the address are free
	if err != nil {
		t.Fatal(err)
	}
	stop(t, s)
}

// TestServer_StartsAndStopsAgainAndAgain restarts a server under load, at different moments. In the end, all that it
// has accepted is stored.
func TestServer_StartsAndStopsAgainAndAgain(t *testing.T) {
	const rounds, senders = 20, 8
	data := t.TempDir()
	var (
		running  sync.WaitGroup
		addr     atomic.Pointer[string]
		over     = make(chan struct{})
		accepted [senders]int
		news     = make(chan struct{}, 1) // buffered: one element, a message was accepted
	)
	for i := range senders {
		running.Go(func() {
			// One connection: a stop waits for connections without a request, which a client with several leaves open.
			client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
			defer client.CloseIdleConnections()
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				id := fmt.Sprintf("00000000-0000-7000-8000-%04d%08d", i, n)
				if to := addr.Load(); to == nil || sendBy(client, "lobby", *to, id, "x") != http.StatusAccepted {
					continue
				}
				accepted[i]++
				select {
				case news <- struct{}{}:
				default:
				}
			}
		})
	}
	for round := range rounds {
		s := start(t, data)
		at := s.Addr()
		addr.Store(&at)
		for range round % 5 {
			<-news
		}
		var stops sync.WaitGroup
		for range 2 {
			stops.Go(func() { stop(t, s) })
		}
		stops.Wait()
	}
	close(over)
	running.Wait()
	want := 0
	for _, n := range accepted {
		want += n
	}
	if stored := count(t, start(t, data).Addr()); stored < want {
		t.Errorf("%d messages were accepted, %d stored", want, stored)
	}
}

// count returns how many messages the room lobby has: its last number.
func count(t *testing.T, addr string) int {
	t.Helper()
	newest := history(t, addr, "lobby")
	if len(newest) == 0 {
		return 0
	}
	return int(newest[len(newest)-1].Seq)
}
