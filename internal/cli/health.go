package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

type healthCmd struct {
	URL     string        `name:"url" env:"RESTANTE_URL" placeholder:"URL" default:"http://127.0.0.1:8080" help:"Address of the server (default ${default})."`
	Live    bool          `help:"Ask only whether the process is alive, not whether it can be used now."`
	AnyCert bool          `name:"any-certificate" help:"Accept any certificate: for a check on the same machine by IP address, which the certificate does not contain."`
	Timeout time.Duration `default:"5s" placeholder:"DURATION" help:"How long to wait for the answer (default ${default})."`
}

// Help is the text of `restante health --help` below the usage line.
func (healthCmd) Help() string {
	return `Examples:

  restante health
  restante health --live --url http://10.0.0.7:8080
  restante health --any-certificate --url https://127.0.0.1

It asks once. It is meant for health checks where there is no curl, such as in the container image. "degraded" counts as healthy: the server accepts and keeps messages, and the output names what does not work.

Use --live if an unhealthy server is restarted automatically: a server that waits for its broker is not ready, and a restart does not help.

Exit codes:
  0    ready, or with --live: alive
  1    the answer is not from a restante server
  2    the command line is wrong
  3    not ready, or no answer within --timeout
  130  interrupted`
}

// Run asks the server once and prints its answer.
func (c *healthCmd) Run(ctx context.Context, s *streams) error {
	if c.Timeout <= 0 {
		return &exitError{exitUsage, fmt.Errorf("--timeout: %v is not a time to wait", c.Timeout)}
	}
	base, err := parseBase(c.URL)
	if err != nil {
		return err
	}
	cl := newClient(base, "")
	if c.AnyCert {
		cl.acceptAnyCertificate()
	}
	defer cl.close()
	asked, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("no answer within %v", c.Timeout))
	defer cancel()
	h, err := c.ask(asked, cl)
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case err != nil && temporary(err):
		return &exitError{exitUnavailable, fmt.Errorf("%s: %w", base, err)}
	case err != nil:
		return fmt.Errorf("%s: %w", base, err)
	}
	return h.print(s.out)
}

// health is the server's answer.
type health struct {
	Status string
	Checks []struct {
		Name, Reason string
		OK           bool
	}
}

func (c *healthCmd) ask(ctx context.Context, cl *client) (health, error) {
	path := "/readyz"
	if c.Live {
		path = "/healthz"
	}
	var h health
	resp, err := cl.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return h, err
	}
	defer resp.Body.Close()
	if json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&h) != nil || h.Status == "" {
		return h, &refusal{status: resp.StatusCode, text: "the answer is not that of a restante server"}
	}
	return h, nil
}

// print writes the status, and the reason of each check that has failed.
func (h health) print(w io.Writer) error {
	text := h.Status
	for _, check := range h.Checks {
		if !check.OK {
			text += fmt.Sprintf("; %s: %s", check.Name, check.Reason)
		}
	}
	_, err := fmt.Fprintln(w, printable(text))
	return err
}
