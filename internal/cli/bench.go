package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"restante/internal/load"
)

type benchCmd struct {
	URL       string        `name:"url" placeholder:"URL" help:"Address of a running server, http://HOST:PORT (default: start a server for each scenario, on loopback, with its data in a temporary directory)."`
	PID       int           `name:"pid" placeholder:"PID" help:"Process id of the server at --url, if it runs on this machine: to measure its CPU time and memory."`
	Scenario  []string      `placeholder:"NAME" help:"Scenarios to measure: ${scenarios}. Repeat the flag, or separate several by commas (default: all)."`
	Duration  time.Duration `placeholder:"DURATION" default:"5s" help:"How long each scenario sends (default ${default})."`
	Senders   int           `placeholder:"N" default:"64" help:"Number of concurrent senders (default ${default})."`
	Readers   int           `placeholder:"N" default:"1000" help:"Number of WebSocket readers (default ${default})."`
	Idle      int           `placeholder:"N" default:"5000" help:"Number of connections in scenario idle (default ${default})."`
	Missed    int           `placeholder:"N" default:"500" help:"Number of messages that each reader has missed in scenario recover (default ${default})."`
	MsgBytes  int           `placeholder:"N" default:"128" help:"Size of a message's text, in bytes (default ${default})."`
	Rooms     int           `placeholder:"N" default:"8" help:"Number of rooms in scenario publish, over which the senders are spread (default ${default})."`
	NoPinning bool          `help:"Do not pin the server and the load generator to a processor core each."`
}

// Help is the text of `restante bench --help` below the usage line.
func (benchCmd) Help() string {
	return `Examples:

  restante bench                                   all scenarios, each with a new server: about a minute
  restante bench --scenario fanout --readers 5000
  restante bench --url http://127.0.0.1:8080 --pid $(pidof restante)

With --url it writes to rooms of that server whose names begin with "bench-". The server must not require tokens and must have no limits (--limit-sends -1 and so on): otherwise the limits are what is measured. Every scenario also checks what it sent and received: if messages were lost, repeated or out of order, they are listed and the exit code is 1.`
}

// Run runs the scenarios and prints each result when it is known.
func (c *benchCmd) Run(ctx context.Context, s *streams) error {
	if c.URL != "" {
		if _, err := parseBase(c.URL); err != nil {
			return err
		}
	}
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
