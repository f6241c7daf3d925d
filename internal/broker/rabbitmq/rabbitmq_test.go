package rabbitmq_test

import (
	"strings"
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
		Keeps:  true,
		Shared: shared,
	})
}

// shared returns a broker behind a proxy.
func shared(t *testing.T) drivertest.Shared {
	node := testkit.RabbitMQ(t).Node(0)
	proxy := testkit.StartProxy(t, node.Addr())
	direct := testkit.VHost(t)
	urls := through(direct, node.Addr(), proxy)
	return drivertest.Shared{
		Open: func(t *testing.T) driver.Driver { return open(t, rabbitmq.Config{URLs: urls}) },
		Cut:  proxy.Cut,
		Restart: func() {
			if err := node.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
		Lose: func(t *testing.T) {
			o := newOther(t, direct)
			o.deleteMessages() // and with it the binding of each hub's queue
			o.declareMessages()
		},
	}
}

// through returns the URLs with a proxy in the place of the broker's address.
func through(urls []string, addr string, proxy *testkit.Proxy) []string {
	replaced := make([]string, len(urls))
	for i, u := range urls {
		replaced[i] = strings.Replace(u, addr, proxy.Addr(), 1)
	}
	return replaced
}
