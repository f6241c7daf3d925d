package inproc_test

import (
	"testing"

	"go.uber.org/goleak"

	"restante/internal/broker/driver"
	"restante/internal/broker/drivertest"
	"restante/internal/broker/inproc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDriver_Conformance(t *testing.T) {
	cfg := inproc.Config{MaxBatch: 64, Queue: 128}
	drivertest.Run(t, drivertest.Harness{
		Open:     func(*testing.T) driver.Driver { return inproc.New(cfg) },
		Capacity: cfg.Queue + cfg.MaxBatch,
	})
}
