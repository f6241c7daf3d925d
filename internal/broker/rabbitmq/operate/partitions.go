package operate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"restante/internal/broker/rabbitmq/link"
	"restante/internal/broker/rabbitmq/topology"
	"restante/internal/errs"
	"restante/internal/peer"
	"restante/internal/retry"
)

// listenFor is how long heartbeats are listened for before no node is taken for alive. A node sends two a second.
const listenFor = 3 * time.Second

// changeTimeLimit is how long a change may take. RabbitMQ deletes some tens of queues a second.
const changeTimeLimit = time.Minute

// SetPartitions changes the number of partitions while no node runs: it deletes the queues of the intake, and the nodes that
// start next make as many as the record then says. It refuses with errs.Conflict while a node is alive, or while a message
// waits in the intake or the inbox. A node that starts meanwhile waits until it is over. Queues beyond the present number are
// kept; the nodes use those that are below n. It returns the number before.
func (b *Broker) SetPartitions(ctx context.Context, n int) (before int, err error) {
	if n < 1 || n > topology.MaxPartitions {
		return 0, errs.Field("partitions", "must be 1 to %d, is %d", topology.MaxPartitions, n)
	}
	alive, err := b.listen()
	if err != nil {
		return 0, err
	}
	if err := retry.Sleep(ctx, listenFor); err != nil {
		return 0, err
	}
	if err := alive.none(); err != nil {
		return 0, err
	}
	limited, cancel := context.WithTimeout(ctx, changeTimeLimit)
	defer cancel()
	_, err = topology.ChangeRecord(limited, b.conn, func(r *topology.Record) error {
		before = r.Partitions
		if n == before {
			return nil
		}
		if err := b.clear(r.Partitions); err != nil {
			return err
		}
		if err := alive.none(); err != nil {
			return err
		}
		r.Partitions, r.Made = n, false
		return nil
	})
	return before, err
}

// clear deletes the queues of the intake if they and the inbox are empty, each of them.
func (b *Broker) clear(partitions int) error {
	queues := []string{link.InboxQueue}
	for q := range partitions {
		queues = append(queues, link.IntakeQueue+strconv.Itoa(q))
	}
	for _, name := range queues {
		waiting, err := b.waiting(name)
		if err != nil {
			return err
		}
		if waiting > 0 {
			return &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf(
				"%d messages wait in %s: start a consumer, wait until the queues are empty, stop it, and try again", waiting, name)}
		}
	}
	ch, err := b.conn.Channel()
	if err != nil {
		return fmt.Errorf("open a channel: %w", err)
	}
	for _, name := range queues[1:] {
		if _, err := ch.QueueDelete(name, false, false, false); err != nil {
			return fmt.Errorf("delete queue %s: %w", name, err)
		}
	}
	return ch.Close()
}

// waiting returns how many messages a queue has, 0 if it does not exist.
func (b *Broker) waiting(name string) (int, error) {
	ch, err := b.conn.Channel() // one for each queue, since the broker closes it when there is no such queue
	if err != nil {
		return 0, fmt.Errorf("open a channel: %w", err)
	}
	q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
	if link.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at queue %s: %w", name, err)
	}
	if q.Consumers > 0 {
		return 0, &errs.Error{Code: errs.Conflict, Msg: fmt.Sprintf("a program consumes from %s: stop it, and try again", name)}
	}
	return q.Messages, ch.Close()
}

// hearing is which nodes were heard.
type hearing struct {
	mu    sync.Mutex
	nodes map[string]peer.Node // by id
}

// listen begins to listen for the heartbeats of nodes. It ends with the connection.
func (b *Broker) listen() (*hearing, error) {
	h := &hearing{nodes: map[string]peer.Node{}}
	ch, err := b.conn.Channel()
	if err != nil {
		return nil, fmt.Errorf("open a channel: %w", err)
	}
	queue, err := ch.QueueDeclare(link.NodesExchange+"."+peer.NewID(), false, true, true, false, nil)
	if err != nil {
		return nil, fmt.Errorf("declare a queue for heartbeats: %w", err)
	}
	err = ch.QueueBind(queue.Name, "", link.NodesExchange, false, nil)
	if link.IsNotFound(err) {
		return nil, errs.Wrap(errs.NotFound, err, "this virtual host has no exchange %s: no node has used it yet", link.NodesExchange)
	}
	if err != nil {
		return nil, fmt.Errorf("bind a queue to %s: %w", link.NodesExchange, err)
	}
	beats, err := ch.Consume(queue.Name, "", true, true, false, false, nil)
	if err != nil {
		return nil, fmt.Errorf("consume heartbeats: %w", err)
	}
	go func() { // ends with the connection
		for d := range beats {
			h.hear(d.Body)
		}
	}()
	return h, nil
}

func (h *hearing) hear(body []byte) {
	beat, err := peer.DecodeHeartbeat(body)
	if err != nil {
		return // another program's
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if beat.Leaving {
		delete(h.nodes, beat.ID)
	} else {
		h.nodes[beat.ID] = beat.Node
	}
}

// none returns an error when a node was heard that has not said goodbye.
func (h *hearing) none() error {
	if urls := h.urls(func(*peer.Node) bool { return true }); len(urls) > 0 {
		return &errs.Error{Code: errs.Conflict, Msg: "nodes are running: stop them first: " + strings.Join(urls, ", ")}
	}
	return nil
}

// urls returns the sorted addresses of the nodes that were heard, have not said goodbye, and count.
func (h *hearing) urls(counts func(*peer.Node) bool) (urls []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.nodes {
		if counts(&n) {
			urls = append(urls, n.URL)
		}
	}
	slices.Sort(urls)
	return urls
}
