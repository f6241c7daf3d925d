package testkit

import (
	"strings"
	"testing"
)

// Rig is one shape of the product. A test body that gets a Rig proves the same promise for each shape.
type Rig struct {
	Name string
	// Start starts a server that ends with the test, with data of its own.
	Start func(t testing.TB, o Options) *Server
}

// Rigs returns every shape: one machine, and a node on RabbitMQ and PostgreSQL.
func Rigs() []Rig {
	return []Rig{
		{Name: "embedded", Start: Start},
		{Name: "cluster", Start: func(t testing.TB, o Options) *Server { return NewCluster(t).Start(t, o) }},
	}
}

// EachRig runs a test body once for each shape, as subtests.
func EachRig(t *testing.T, body func(t *testing.T, rig Rig)) {
	for _, rig := range Rigs() {
		t.Run(rig.Name, func(t *testing.T) { body(t, rig) })
	}
}

// Cluster is what several nodes share.
type Cluster struct {
	Broker []string // addresses of one RabbitMQ virtual host
	Store  string   // URL of a PostgreSQL database
}

// NewCluster returns an empty virtual host and an empty database on the shared servers of this test process.
func NewCluster(t testing.TB) Cluster {
	t.Helper()
	return Cluster{Broker: VHost(t), Store: Database(t)}
}

// Start starts a node that ends with the test. Without roles it has all of them.
func (c Cluster) Start(t testing.TB, o Options, roles ...string) *Server {
	t.Helper()
	args := []string{"--broker", strings.Join(c.Broker, ","), "--store", c.Store}
	if len(roles) > 0 {
		args = append(args, "--roles", strings.Join(roles, ","))
	}
	o.Args = append(args, o.Args...)
	return Start(t, o)
}
