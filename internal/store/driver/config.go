package driver

import (
	"log/slog"
	"time"
)

// Config is what every driver can be configured with. The zero value is ready to use.
type Config struct {
	// Log gets a line for each migration, and for what endangers the data. Default: discarded.
	Log *slog.Logger
	// Now is the clock that stamps StoredAt. Clocks of nodes may differ: the times of a room rise all the same.
	// Default time.Now.
	Now func() time.Time
	// CheckInterval is how long Check answers with the outcome of the last append or probe before it probes again. Default 1 s.
	CheckInterval time.Duration
}

// WithDefaults returns c with the defaults filled in.
func (c Config) WithDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.CheckInterval == 0 {
		c.CheckInterval = time.Second
	}
	return c
}
