package hub

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	// Memory is how much memory the newest ends of all rooms and the pages of history that were read take together, in bytes.
	// What was not used for the longest time gives way. Default 64 MiB.
	Memory int
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

// withDefaults returns the configuration with the documented defaults in place of zero values.
func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.TailBytes == 0 {
		c.TailBytes = 512 << 10
	}
	if c.Memory == 0 {
		c.Memory = 64 << 20
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
