package rabbitmq

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/peer"
)

// beat is what a node says of itself, several times a second.
type beat struct {
	peer.Node
	Gone bool `json:"gone,omitempty"` // it is leaving
}

const (
	maxBeat  = 4 << 10 // bytes
	maxBeats = 1000    // that may wait for a node
)

// beat tells the other nodes of this one, and the table of peers what they tell, until ctx is done; then it says goodbye.
func (d *Driver) beat(ctx context.Context) {
	d.beating.again(ctx, "hearing other nodes", func(s *session) error { return d.beatOn(ctx, s) })
}

// beatOn beats until ctx is done, for which it returns nil, or the session is lost.
func (d *Driver) beatOn(ctx context.Context, s *session) error {
	ch, heard, err := listen(s, nodesQueue+d.node, nodesExchange, "", maxBeats, peer.Expiry)
	if err != nil {
		return err
	}
	defer func() {
		s.closeChannel(ch)
		<-heard.over
	}()
	ticks := time.NewTicker(peer.Interval)
	defer ticks.Stop()
	for {
		if err := d.say(s, ch, false); err != nil {
			return err
		}
		for waiting := true; waiting; {
			select {
			case <-heard.arrived:
				waiting = !d.hear(ctx, heard.take(maxBeats, maxBeats*maxBeat)) // a newcomer is answered at once
			case <-heard.over:
				return errInterrupted
			case <-ticks.C:
				waiting = false
			case <-d.balance.ready:
				waiting = false
			case <-ctx.Done():
				return d.say(s, ch, true)
			}
			d.balance.update()
		}
	}
}

// say publishes one beat. The role of a consumer is left out until the node has its consumers.
func (d *Driver) say(s *session, ch *amqp.Channel, gone bool) error {
	if s.isBlocked() {
		return nil // the broker would not read it
	}
	b := beat{d.cfg.Peers.Self(), gone}
	if !d.balance.isReady() || !d.consuming.isUp() {
		b.Roles = slices.DeleteFunc(slices.Clone(b.Roles), func(r peer.Role) bool { return r == peer.Consumer })
	}
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return ch.Publish(nodesExchange, "", false, false, amqp.Publishing{
		ContentType: "application/json", DeliveryMode: amqp.Transient, Body: body,
	})
}

// hear notes what nodes have said, and reports whether one was not known before. Anybody who has access to the broker may
// have said it.
func (d *Driver) hear(ctx context.Context, beats []arrival) (newcomer bool) {
	for i := range beats {
		var b beat
		body := beats[i].Body
		if err := json.Unmarshal(body[:min(len(body), maxBeat)], &b); err != nil || b.ID == "" {
			d.cfg.Log.DebugContext(ctx, "skipped what is not the beat of a node", slog.Any("error", err))
			continue
		}
		if b.Gone {
			d.cfg.Peers.Gone(b.ID)
			continue
		}
		_, known := d.cfg.Peers.Find(b.ID)
		newcomer = newcomer || !known && b.ID != d.cfg.Peers.Self().ID
		d.cfg.Peers.Heard(b.Node, beats[i].at)
	}
	return newcomer
}
