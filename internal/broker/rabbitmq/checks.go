package rabbitmq

import (
	"context"
	"time"

	"restante/internal/broker/driver"
	"restante/internal/errs"
	"restante/internal/peer"
)

// Checks implements driver.Driver.
func (d *Driver) Checks() []driver.Check {
	checks := []driver.Check{
		{Name: driver.Consuming, Do: d.checkConsuming},
		{Name: driver.Hearing, Do: func(context.Context) error { return d.CheckHearing() }},
		{Name: driver.Topology, Do: func(context.Context) error { return d.CheckTopology() }},
		{Name: driver.Policies, Do: func(context.Context) error { return d.CheckPolicies() }},
	}
	if d.cfg.Peers != nil {
		checks = append(checks, driver.Check{Name: driver.Beating, Do: d.checkBeating})
	}
	return checks
}

// checkConsuming returns nil while the node has a consumer on every partition that it does not leave to others.
func (d *Driver) checkConsuming(context.Context) error {
	if !d.consuming.IsUp(peer.Expiry / 2) {
		if _, err := d.consuming.Current(); err != nil {
			return err
		}
	}
	if !d.balance.IsReady() {
		return &errs.Error{Code: errs.Unavailable, Msg: "this node has not registered with every queue of accepted messages"}
	}
	return nil
}

// checkBeating returns nil while the node hears its own heartbeats, which go the way of all heartbeats.
func (d *Driver) checkBeating(context.Context) error {
	if d.cfg.Peers.IsAlive(d.node, time.Now()) {
		return nil
	}
	if _, err := d.nodes.Current(); err != nil {
		return err
	}
	return &errs.Error{Code: errs.Unavailable, Msg: "no heartbeats are heard, not even of this node"}
}
