package rabbitmq

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"restante/internal/broker/rabbitmq/management"
	"restante/internal/errs"
)

// policies looks at the settings of the queues, which operators may change at any time: some of them lose messages that the
// broker has confirmed. It needs the management API. Nothing else depends on it.
type policies struct {
	d      *Driver
	client *management.Client // nil: it is off

	mu    sync.Mutex
	why   string                       // why it is not known, as logged; "" when it is
	found map[string]management.Danger // at the last look that succeeded, by its text
}

// The pauses between two looks. The first one is shorter: the API knows the policies of new queues some seconds late.
const (
	secondLook = 10 * time.Second
	everyLook  = 30 * time.Second
	lookLimit  = 10 * time.Second // for one look
)

// watch looks until ctx is done, after the queues were made.
func (p *policies) watch(ctx context.Context) {
	if _, err := p.d.keeper.Await(ctx); err != nil {
		return // ctx is done
	}
	pause := secondLook
	for {
		p.look(ctx)
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		pause = everyLook
	}
}

// look asks the API once.
func (p *policies) look(ctx context.Context) {
	if p.client == nil {
		p.unknown(ctx, "the management API is off")
		return
	}
	limited, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	state, err := p.client.State(limited)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		p.unknown(ctx, err.Error())
	default:
		record, _ := p.d.keeper.Record()
		p.note(ctx, state.Dangers(record.Partitions))
	}
}

// unknown notes that the settings are not known. It logs each reason once.
func (p *policies) unknown(ctx context.Context, why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.d.metrics.dangersUnknown()
	if p.why != why {
		p.d.cfg.Log.InfoContext(ctx, "the settings of the queues are not checked: policies that lose messages would not be noticed",
			slog.String("reason", why))
	}
	p.why = why
}

// note notes what is dangerous now, and logs what is new and what is over.
func (p *policies) note(ctx context.Context, dangers []management.Danger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := make(map[string]management.Danger, len(dangers))
	for _, danger := range dangers {
		text := danger.String()
		found[text] = danger
		if _, old := p.found[text]; !old {
			p.d.cfg.Log.WarnContext(ctx, "a setting of queues is dangerous", slog.String("setting", danger.Setting()),
				slog.String("source", danger.Source), slog.String("why", danger.Why), slog.Any("queues", danger.Queues))
		}
	}
	for text, danger := range p.found {
		if _, still := found[text]; !still {
			p.d.cfg.Log.InfoContext(ctx, "a setting of queues is no longer dangerous", slog.String("setting", danger.Setting()),
				slog.String("source", danger.Source), slog.Any("queues", danger.Queues))
		}
	}
	p.why, p.found = "", found
	p.d.metrics.dangers.Set(float64(len(found)))
}

// CheckPolicies returns nil while no setting of the queues is dangerous, and while the settings are not known. Otherwise its
// error, of class errs.Unavailable, names all of them. Messages are still accepted and stored meanwhile.
func (d *Driver) CheckPolicies() error {
	p := d.policies
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.why != "" || len(p.found) == 0 {
		return nil
	}
	var all []string
	for _, text := range slices.Sorted(maps.Keys(p.found)) {
		danger := p.found[text]
		all = append(all, fmt.Sprintf("%s (%s)", danger.Setting(), danger.Source))
	}
	return &errs.Error{Code: errs.Unavailable, Msg: "settings of queues are dangerous: " + strings.Join(slices.Compact(all), ", ")}
}
