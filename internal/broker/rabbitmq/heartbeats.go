package rabbitmq

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/google/uuid"
	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/peer"
)

// maxHeartbeats is how many heartbeats may wait for a node.
const maxHeartbeats = 1000

// heartbeats publishes the heartbeats of this node, and notes those of other nodes in the table of peers, until ctx is
// done. Then it publishes that the node is leaving.
func (d *Driver) heartbeats(ctx context.Context) {
	d.nodes.Again(ctx, "hearing other nodes", func(s *link.Session) error { return d.heartbeatsOn(ctx, s) })
}

// heartbeatsOn does it until ctx is done, for which it returns nil, or the session is lost.
func (d *Driver) heartbeatsOn(ctx context.Context, s *link.Session) error {
	name := nodesQueue + d.node + "." + uuid.NewString()[:8] // the queue of a lost connection may still exist
	ch, heard, err := listen(s, name, nodesExchange, "", maxHeartbeats, peer.Expiry)
	if err != nil {
		return err
	}
	d.cfg.Peers.Listens(time.Now())
	defer func() {
		d.cfg.Peers.Deaf(time.Now())
		s.CloseChannel(ch)
		<-heard.over
	}()
	ticks := time.NewTicker(peer.Interval)
	defer ticks.Stop()
	for quiet := 0; ; { // ticks since something was heard: at least this node's own heartbeats come back
		if err := d.publishHeartbeat(s, ch, false); err != nil {
			return err
		}
		for waiting := true; waiting; {
			select {
			case <-heard.arrived:
				quiet = 0
				waiting = !d.hear(ctx, heard.take(maxHeartbeats, maxHeartbeats*peer.MaxHeartbeat)) // a new node is answered at once
			case <-heard.over:
				return errInterrupted
			case <-ticks.C:
				waiting = false
				if quiet++; s.Alarm() != nil {
					quiet = 0
				}
				if quiet > int(maxSilence/peer.Interval) {
					return fmt.Errorf("no heartbeats were heard for %v, not even of this node", maxSilence)
				}
			case <-d.balance.Ready():
				waiting = false
			case <-d.progress.News():
				waiting = false
			case <-d.cfg.Peers.Beat():
				waiting = false
			case <-ctx.Done():
				return d.publishHeartbeat(s, ch, true)
			}
			d.balance.Update()
		}
	}
}

// publishHeartbeat publishes one heartbeat. It leaves out the role of a consumer until the node has its consumers.
func (d *Driver) publishHeartbeat(s *link.Session, ch *amqp.Channel, leaving bool) error {
	if s.Alarm() != nil {
		return nil // the broker would not read it
	}
	h := peer.Heartbeat{Node: d.cfg.Peers.Self(), Leaving: leaving}
	h.Declines = d.balance.Declined()
	if !d.balance.IsReady() || !d.consuming.IsUp(peer.Expiry/2) {
		h.Roles = slices.DeleteFunc(slices.Clone(h.Roles), func(r peer.Role) bool { return r == peer.Consumer })
	}
	if record, known := d.keeper.Record(); known {
		h.Record = record.Version
	}
	if err := d.progress.Fill(&h); err != nil {
		return err
	}
	body, err := h.Encode()
	if err != nil {
		return err
	}
	return ch.Publish(nodesExchange, "", false, false, amqp.Publishing{
		ContentType: "application/json", DeliveryMode: amqp.Transient, Body: body,
	})
}

// hear notes heartbeats, and reports whether one is of a node that was not known before.
func (d *Driver) hear(ctx context.Context, heard []arrival) (newcomer bool) {
	for i := range heard {
		h, err := peer.DecodeHeartbeat(heard[i].Body)
		if err != nil {
			d.cfg.Log.DebugContext(ctx, "skipped what is not the heartbeat of a node", slog.Any("error", err))
			continue
		}
		newcomer = d.cfg.Peers.Hear(h, heard[i].at) || newcomer
		d.keeper.Hear(h.Record)
	}
	return newcomer
}
