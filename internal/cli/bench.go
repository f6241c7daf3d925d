package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"restante/internal/load"
)

type benchCmd struct {
	URL       string        `name:"url" placeholder:"URL" help:"A running server, http://HOST:PORT (default: one of its own for each scenario, on loopback, with its data in a temporary directory)."`
	PID       int           `name:"pid" placeholder:"PID" help:"Process of the server at --url if it is on this machine, for CPU time and memory."`
	Scenario  []string      `placeholder:"NAME" help:"What to measure, of ${scenarios}; repeat it, or separate several by commas (default: all)."`
	Duration  time.Duration `placeholder:"DURATION" default:"5s" help:"How long each scenario sends (default ${default})."`
	Senders   int           `placeholder:"N" default:"64" help:"Senders at the same time (default ${default})."`
	Readers   int           `placeholder:"N" default:"1000" help:"WebSocket readers (default ${default})."`
	Idle      int           `placeholder:"N" default:"5000" help:"Connections of the scenario idle (default ${default})."`
	Missed    int           `placeholder:"N" default:"500" help:"Messages that each reader of the scenario recover has missed (default ${default})."`
	MsgBytes  int           `placeholder:"N" default:"128" help:"Bytes of a message's text (default ${default})."`
	Rooms     int           `placeholder:"N" default:"8" help:"Rooms over which the scenario publish spreads its senders (default ${default})."`
	NoPinning bool          `help:"Do not give server and load generator a processor core each."`
}

// Help is what `restante bench --help` says below the usage line.
func (benchCmd) Help() string {
	return `Examples:

  restante bench                                   everything, with servers of its own: about a minute
  restante bench --scenario fanout --readers 5000
  restante bench --url http://127.0.0.1:8080 --pid $(pidof restante)

With --url it writes to rooms of the server whose names begin with "bench-"; that server must ask for no token and have no limits (--limit-sends=-1 and so on), or it measures those. Every scenario also checks what it sent and received: messages lost, repeated or out of order are listed and make the exit code 1.`
}

// Run measures and prints as it goes.
func (c *benchCmd) Run(ctx context.Context, s *streams) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find the program to start as a server: %w", err)
	}
	return load.Bench(ctx, s.out, load.Options{
		URL: c.URL, PID: c.PID, Command: []string{self, "serve"}, NoPin: c.NoPinning,
		Scenarios: c.Scenario, Duration: c.Duration,
		Senders: c.Senders, Readers: c.Readers, Idle: c.Idle, Missed: c.Missed, MsgBytes: c.MsgBytes, Rooms: c.Rooms,
	})
}
