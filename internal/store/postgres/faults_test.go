package postgres

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"restante/internal/chat"
	"restante/internal/errs"
	"restante/internal/store/driver"
	"restante/internal/testkit"
	"restante/internal/testkit/nodes"
)

// The tests start their own server and do to it what may happen to any server.
func TestDriver_ServerFaults(t *testing.T) {
	server := testkit.OwnPostgres(t)
	for name, test := range map[string]func(*testing.T, *nodes.Postgres, string){
		"killed":            serverIsKilled,
		"hangs":             serverHangs,
		"turns_read_only":   serverBecomesReadOnly,
		"connections_taken": checkWithoutConnections,
	} {
		t.Run(name, func(t *testing.T) {
			url, err := server.Database(t.Context(), name)
			if err != nil {
				t.Fatal(err)
			}
			test(t, server, url)
		})
	}
}

// load appends from several callers on several nodes, each batch again until it is stored, until stop.
type load struct {
	seen   *record
	errors atomic.Int64
	acked  atomic.Int64
	stop   context.CancelFunc
	all    sync.WaitGroup
}

func startLoad(t *testing.T, nodes ...*Driver) *load {
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{seen: newRecord(), stop: cancel}
	for _, d := range nodes {
		for range 4 {
			l.all.Go(func() {
				for ctx.Err() == nil {
					batch := newMessages("a", 5)
					batch[4].Room = "b"
					l.append(ctx, t, d, batch)
				}
			})
		}
	}
	return l
}

func (l *load) append(ctx context.Context, t *testing.T, d *Driver, batch []chat.Message) {
	for ctx.Err() == nil {
		done, err := d.Append(t.Context(), batch)
		if err == nil {
			l.seen.add(t, done.Messages)
			l.acked.Add(int64(len(batch)))
			return
		}
		l.errors.Add(1)
		if errs.CodeOf(err) != errs.Unavailable || !d.Retryable(err) {
			t.Errorf("append: %v, want an error of class unavailable that is worth a retry", err)
			return
		}
	}
}

// more waits until so many messages more have been acknowledged.
func (l *load) more(t *testing.T, n int64) {
	t.Helper()
	want := l.acked.Load() + n
	eventually(t, func() error {
		if have := l.acked.Load(); have < want {
			return errs.Field("load", "%d of %d", have, want)
		}
		return nil
	})
}

func serverIsKilled(t *testing.T, server *nodes.Postgres, url string) {
	l := startLoad(t, open(t, url, Config{}), open(t, url, Config{}))
	for range 2 {
		l.more(t, 300)
		server.Kill()
		if err := server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	l.more(t, 300)
	l.stop()
	l.all.Wait()
	// A batch in flight when the load stopped may be stored without its answer.
	if extra := l.seen.compare(t, open(t, url, Config{})); extra > 2*4*5 {
		t.Errorf("%d messages are stored that no caller was answered", extra)
	}
	t.Logf("%d acknowledged, %d failed attempts", l.acked.Load(), l.errors.Load())
	if l.errors.Load() == 0 {
		t.Error("no caller has noticed that the server was killed")
	}
}

// The driver notices a server that hangs without closing anything, and goes on by itself when the server answers again.
func serverHangs(t *testing.T, server *nodes.Postgres, url string) {
	d := open(t, url, Config{Config: driver.Config{CheckInterval: 1}, AttemptTimeout: 1500 * time.Millisecond})
	kept := appendTo(t, d, "a", 3)
	server.Pause()
	start := time.Now()
	batch := newMessages("a", 2)
	_, err := d.Append(t.Context(), batch)
	wantError(t, err, errs.Unavailable, "does not answer")
	if took := time.Since(start); took > 5*time.Second || !d.Retryable(err) {
		t.Errorf("noticed after %v: %v", took, err)
	}
	_, err = d.After(t.Context(), "a", 0, 1)
	wantError(t, err, errs.Unavailable)
	wantError(t, d.Check(t.Context()), errs.Unavailable)
	server.Resume()
	eventually(t, func() error { _, err := d.Append(t.Context(), batch); return err })
	if n := len(readRoom(t, d, "a")); n != len(kept)+2 {
		t.Errorf("%d messages, want %d", n, len(kept)+2)
	}

	server.Pause()
	start = time.Now()
	if err := d.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("close of a server that hangs took %v", took)
	}
	server.Resume()
}

// The link stalls or breaks when the batch has been sent and before the answer comes back: the outcome is unknown, and
// the same batch again finds its ids.
func TestDriver_AnswerIsLost(t *testing.T) {
	url := testkit.Database(t)
	direct := open(t, url, Config{})
	for name, lose := range map[string]func(*testkit.Proxy){
		"stall": func(*testkit.Proxy) {},
		"cut":   (*testkit.Proxy).Cut,
	} {
		t.Run(name, func(t *testing.T) {
			proxy := testkit.StartProxy(t, testkit.Postgres(t).Addr())
			d := open(t, strings.Replace(url, testkit.Postgres(t).Addr(), proxy.Addr(), 1), Config{AttemptTimeout: 3 * time.Second})
			appendTo(t, d, name, 1)
			proxy.Stall(testkit.Down)
			batch := newMessages(name, 4)
			outcome := make(chan error, 1)
			go func() {
				_, err := d.Append(t.Context(), batch)
				outcome <- err
			}()
			eventually(t, func() error { // it is committed, and no caller knows
				if stored, err := direct.After(t.Context(), name, 1, 10); err != nil || len(stored) != 4 {
					return errs.Field("messages", "%d, %v", len(stored), err)
				}
				return nil
			})
			lose(proxy)
			err := <-outcome
			wantError(t, err, errs.Unavailable)
			if !d.Retryable(err) {
				t.Errorf("%v is not worth a retry", err)
			}
			proxy.Resume(testkit.Down)
			var done chat.Message
			eventually(t, func() error {
				again, err := d.Append(t.Context(), batch)
				if err == nil {
					if done = again.Messages[3]; again.Fresh != 0 {
						t.Errorf("stored again: %+v", again)
					}
				}
				return err
			})
			if stored := readRoom(t, direct, name); len(stored) != 5 || stored[4] != done {
				t.Errorf("stored %+v, answered %+v", stored, done)
			}
		})
	}
}

// Another server has become the primary: the driver closes its connections to the server that is read-only now.
func serverBecomesReadOnly(t *testing.T, _ *nodes.Postgres, url string) {
	d := open(t, url, Config{Config: driver.Config{CheckInterval: 1}})
	appendTo(t, d, "a", 1)
	shell(t, url, "ALTER SYSTEM SET default_transaction_read_only = on")
	shell(t, url, "SELECT pg_reload_conf()")
	eventually(t, func() error {
		if _, err := d.Append(t.Context(), newMessages("b", 1)); err == nil {
			return errs.Field("server", "still takes writes")
		}
		return nil
	})
	_, err := d.Append(t.Context(), newMessages("a", 1))
	wantError(t, err, errs.Unavailable, "read-only")
	wantError(t, d.Check(t.Context()), errs.Unavailable, "read-only")
	conn := connect(t, url)
	defer conn.Close(context.WithoutCancel(t.Context()))
	for _, sql := range []string{"SET default_transaction_read_only = off", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, func() error { _, err := d.Append(t.Context(), newMessages("a", 1)); return err })
}
