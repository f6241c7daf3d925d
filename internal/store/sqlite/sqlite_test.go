package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"restante/internal/store/driver"
	"restante/internal/store/drivertest"
)

func TestMain(m *testing.M) {
	if task := os.Getenv(childTask); task != "" {
		if err := runChild(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

func TestDriver(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{
		Open: func(t *testing.T, now func() time.Time) driver.Driver {
			return open(t, filepath.Join(t.TempDir(), "restante.db"), testConfig(now))
		},
		Reopen: func(t *testing.T, d driver.Driver, now func() time.Time) driver.Driver {
			if err := d.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			return open(t, d.(*Driver).file.path, testConfig(now))
		},
		Break: func(t *testing.T, d driver.Driver) (repair func()) {
			path := d.(*Driver).file.path
			rename(t, path, path+".away")
			return func() { rename(t, path+".away", path) }
		},
		EndEpoch: func(t *testing.T, d driver.Driver, now func() time.Time, reason string) driver.Driver {
			if err := d.Close(); err != nil {
				t.Fatalf("close: %v", err)
			}
			cfg := testConfig(now)
			cfg.Restored = reason
			return open(t, d.(*Driver).file.path, cfg)
		},
		RemoveOldest: func(t *testing.T, d driver.Driver, room string, upTo int64) {
			shell(t, d.(*Driver).file.path, fmt.Sprintf(
				"DELETE FROM messages WHERE room = (SELECT id FROM rooms WHERE name = '%s') AND seq <= %d", room, upTo))
		},
		NoPartitions: true,
	})
}

// testConfig checks with a write each time.
func testConfig(now func() time.Time) Config {
	return Config{Config: driver.Config{Now: now, CheckInterval: 1}}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
