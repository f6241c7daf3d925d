package rabbitmq_test

import (
	"testing"

	"restante/internal/broker/driver"
	"restante/internal/broker/drivertest"
	"restante/internal/broker/rabbitmq"
	"restante/internal/testkit"
)

func TestMain(m *testing.M) { testkit.MainWithoutBinary(m) }

func open(t *testing.T, cfg rabbitmq.Config) *rabbitmq.Driver {
	t.Helper()
	d, err := rabbitmq.Open(t.Context(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return d
}

func TestDriver_Conformance(t *testing.T) {
	drivertest.Run(t, drivertest.Harness{
		Open: func(t *testing.T) driver.Driver {
			return open(t, rabbitmq.Config{URLs: testkit.VHost(t)})
		},
		Keeps: true,
	})
}
