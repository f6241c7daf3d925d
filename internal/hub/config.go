package hub

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"restante/internal/memory"
	"restante/internal/signalr"
	"restante/internal/turn"
)

// Config configures a Hub. The zero value is ready to use.
type Config struct {
	// Log gets a line per delivered message at debug. Default: discarded.
	Log *slog.Logger
	// Metrics is where the metrics are registered. Default: nowhere.
	Metrics prometheus.Registerer
	// TailBytes is how much of the newest end of each room is kept in memory, per encoding in use. Default 512 KiB.
	TailBytes int
	// Memory is where the hub counts what it keeps: the newest ends of rooms and pages of history, which give way, and what
	// connections take. Default: a budget of 64 MiB.
	Memory *memory.Budget
	// Owner returns the client for which something is kept in Memory. Default: all is the server's own.
	Owner func(ctx context.Context) string
	// StreamKeepAlive is how often a quiet event stream gets a comment. Default 15 s.
	StreamKeepAlive time.Duration
	// StreamStall is how long the peer of an event stream may read nothing before the stream is ended. Default 5 min.
	StreamStall time.Duration
	// Connect counts a SignalR connection or an event stream of the request's client. release is called once, when it has
	// ended. An error refuses it. Connect must not block. Default: every connection is admitted.
	Connect func(ctx context.Context) (release func(), err error)
	// Allow is called before each call of a hub method, except those that send a message. An error refuses the call. It may
	// block to slow down a connection that calls too often. Default: every call is allowed.
	Allow func(ctx context.Context) error
	// MaxRooms is how many rooms a connection may have joined at a time. Negative: any number. Default 200.
	MaxRooms int
	// MaxRoomsPerClient is how many different rooms the connections of an owner may have joined at a time. Negative: any number.
	// Default DefaultRoomsPerClient. Rooms without an owner are not counted.
	MaxRoomsPerClient int
	// Turns are what reads of history wait for. Default: turns of the hub alone, whose metrics are not registered.
	Turns *turn.Turns
	// CompareEvery is how often the open rooms are compared with the store although Resync was not called. It finds
	// announcements that were lost without a sign. Default: never; a broker within the process loses none.
	CompareEvery time.Duration
	// Look asks the store to look whether it is in another epoch than it knows. It must not block. Default: nothing is asked.
	Look func()
	// Denied is told of each call, and of each connection, that the rights of its client do not allow. method is "Connect" for a
	// connection. The cause of err is an auth.Denial. It must not block, and is called concurrently. Default: nothing is told.
	Denied func(ctx context.Context, method string, err error)
	// SignalR configures the protocol server. Its Log and Metrics default to those of the hub.
	SignalR signalr.Config
}

// DefaultRoomsPerClient is the default of Config.MaxRoomsPerClient.
const DefaultRoomsPerClient = 2000

// withDefaults returns the configuration with the documented defaults in place of zero values.
func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.TailBytes == 0 {
		c.TailBytes = 512 << 10
	}
	if c.Memory == nil {
		c.Memory = memory.New(memory.Config{Limit: 64 << 20})
	}
	if c.Owner == nil {
		c.Owner = func(context.Context) string { return "" }
	}
	if c.StreamKeepAlive == 0 {
		c.StreamKeepAlive = 15 * time.Second
	}
	if c.StreamStall == 0 {
		c.StreamStall = 5 * time.Minute
	}
	if c.Connect == nil {
		c.Connect = func(context.Context) (func(), error) { return func() {}, nil }
	}
	if c.Allow == nil {
		c.Allow = func(context.Context) error { return nil }
	}
	if c.MaxRooms == 0 {
		c.MaxRooms = 200
	}
	if c.MaxRoomsPerClient == 0 {
		c.MaxRoomsPerClient = DefaultRoomsPerClient
	}
	if c.Turns == nil {
		c.Turns = turn.New(turn.Config{})
	}
	if c.Denied == nil {
		c.Denied = func(context.Context, string, error) {}
	}
	if c.Look == nil {
		c.Look = func() {}
	}
	if c.SignalR.Log == nil {
		c.SignalR.Log = c.Log
	}
	if c.SignalR.Metrics == nil {
		c.SignalR.Metrics = c.Metrics
	}
	return c
}
