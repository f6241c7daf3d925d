package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"restante/internal/store/driver"
	"restante/internal/store/drivertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var n atomic.Int64

func database(t testing.TB) string {
	base := os.Getenv("PGURL")
	conn, err := pgx.Connect(t.Context(), base)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	name := fmt.Sprintf("t%d_%d", os.Getpid(), n.Add(1))
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(base, "/postgres?", "/"+name+"?", 1)
}

func TestDriver(t *testing.T) {
	urls := map[driver.Driver]string{}
	open := func(t *testing.T, url string, now func() time.Time) driver.Driver {
		d, err := Open(t.Context(), url, Config{Now: now, CheckInterval: 1, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		urls[d] = url
		return d
	}
	drivertest.Run(t, drivertest.Harness{
		Open: func(t *testing.T, now func() time.Time) driver.Driver { return open(t, database(t), now) },
		Reopen: func(t *testing.T, d driver.Driver, now func() time.Time) driver.Driver {
			d.Close()
			return open(t, urls[d], now)
		},
	})
}
