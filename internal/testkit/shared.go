package testkit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/google/uuid"

	"restante/internal/testkit/nodes"
)

// shared is the servers that the tests of one process share; each test has its own vhost and database. It is a package
// variable because the tests have no common parent. Main ends the servers.
var shared struct {
	once     sync.Once // prints the versions of the servers
	mu       sync.Mutex
	rabbit   *nodes.RabbitMQ
	postgres *nodes.Postgres
}

// stopShared ends the shared servers.
func stopShared() {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.rabbit != nil {
		shared.rabbit.Stop()
		shared.rabbit = nil
	}
	if shared.postgres != nil {
		shared.postgres.Stop()
		shared.postgres = nil
	}
}

// RabbitMQ returns the shared node. The first call starts it. A test that breaks a node uses OwnRabbitMQ.
func RabbitMQ(t testing.TB) *nodes.RabbitMQ {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.rabbit == nil {
		shared.rabbit = startRabbitMQ(t, 1)
	}
	return shared.rabbit
}

// VHost returns the address of a new virtual host on the shared node.
func VHost(t testing.TB) []string {
	t.Helper()
	urls, err := RabbitMQ(t).VHost(t.Context(), "test-"+uuid.NewString()[:8])
	if err != nil {
		t.Fatal(err)
	}
	return urls
}

// VHostName returns the name of the virtual host in an address.
func VHostName(t testing.TB, address string) string {
	t.Helper()
	name, err := nodes.VHostName(address)
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// OwnRabbitMQ starts a cluster of n nodes for one test, with further lines of rabbitmq.conf.
func OwnRabbitMQ(t testing.TB, n int, settings ...string) *nodes.RabbitMQ {
	t.Helper()
	c := startRabbitMQ(t, n, settings...)
	t.Cleanup(c.Stop)
	return c
}

func startRabbitMQ(t testing.TB, n int, settings ...string) *nodes.RabbitMQ {
	t.Helper()
	printVersions(t)
	c, err := nodes.StartRabbitMQ(context.WithoutCancel(t.Context()), nodes.RabbitMQConfig{Nodes: n, Settings: settings})
	started(t, err)
	return c
}

// Postgres returns the shared server. The first call starts it. A test that breaks the server uses OwnPostgres.
func Postgres(t testing.TB) *nodes.Postgres {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.postgres == nil {
		shared.postgres = startPostgres(t)
	}
	return shared.postgres
}

// Database returns the URL of a new database on the shared server.
func Database(t testing.TB) string {
	t.Helper()
	url, err := Postgres(t).Database(t.Context(), "test_"+uuid.NewString()[:8])
	if err != nil {
		t.Fatal(err)
	}
	return url
}

// OwnPostgres starts a server for one test.
func OwnPostgres(t testing.TB) *nodes.Postgres {
	t.Helper()
	p := startPostgres(t)
	t.Cleanup(p.Stop)
	return p
}

// Standby starts an asynchronous standby of a server for one test, see nodes.Postgres.Standby.
func Standby(t testing.TB, of *nodes.Postgres, upstream string) *nodes.Postgres {
	t.Helper()
	p, err := of.Standby(context.WithoutCancel(t.Context()), upstream)
	started(t, err)
	t.Cleanup(p.Stop)
	return p
}

func startPostgres(t testing.TB) *nodes.Postgres {
	t.Helper()
	printVersions(t)
	p, err := nodes.StartPostgres(context.WithoutCancel(t.Context()), nodes.PostgresConfig{})
	started(t, err)
	return p
}

// printVersions prints, once in a test process, on which servers its tests run. With a server that is missing, Start says
// what is wrong.
func printVersions(t testing.TB) {
	shared.once.Do(func() {
		if text, err := nodes.Versions(t.Context()); err == nil {
			fmt.Fprintln(os.Stderr, "servers:", text)
		}
	})
}

func started(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, nodes.ErrMissing) {
		Missing(t, "%v", err)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("start a server for the test: %w", err))
	}
}
