package faults

import (
	"testing"

	"restante/internal/testkit"
)

// The roles of nodes, as values of --roles.
const (
	allRoles = "api,consumer,hub"
	api      = "api"
	consumer = "consumer"
	hub      = "hub"
)

// cluster is what the nodes of a test share.
type cluster struct {
	testkit.Cluster
	t *testing.T
}

// newCluster returns an empty virtual host and an empty database on the servers that all tests share.
func newCluster(t *testing.T) cluster {
	t.Helper()
	return cluster{testkit.NewCluster(t), t}
}

// node starts a node that ends with the test.
func (c cluster) node(roles string, args ...string) *testkit.Server {
	c.t.Helper()
	return c.Start(c.t, testkit.Options{Args: args}, roles)
}

// nodes starts n nodes.
func (c cluster) nodes(n int, roles string, args ...string) []*testkit.Server {
	c.t.Helper()
	all := make([]*testkit.Server, n)
	for i := range all {
		all[i] = c.node(roles, args...)
	}
	return all
}

// viaBroker returns the cluster for nodes that reach RabbitMQ through a proxy.
func (c cluster) viaBroker() (cluster, *testkit.Proxy) {
	c.t.Helper()
	address, proxy := testkit.Through(c.t, c.Broker[0])
	c.Broker = []string{address}
	return c, proxy
}

// viaStore returns the cluster for nodes that reach PostgreSQL through a proxy.
func (c cluster) viaStore() (cluster, *testkit.Proxy) {
	c.t.Helper()
	address, proxy := testkit.Through(c.t, c.Store)
	c.Store = address
	return c, proxy
}

// balancer starts a load balancer over nodes.
func balancer(t *testing.T, servers ...*testkit.Server) *testkit.Proxy {
	t.Helper()
	var targets []string
	for _, s := range servers {
		targets = append(targets, s.Addr())
	}
	return testkit.StartProxy(t, targets...)
}
