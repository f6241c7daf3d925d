package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"restante/internal/chat"
)

type revokeCmd struct {
	Add  revokeAddCmd  `cmd:"" default:"withargs" help:"Revoke the tokens of a client, or one token."`
	List revokeListCmd `cmd:"" help:"List what is revoked."`
}

// operator is the flags that select a server and prove that an operator asks.
type operator struct {
	URL    string `name:"url" env:"RESTANTE_URL" placeholder:"URL" default:"http://127.0.0.1:8080" help:"Address of the server; of many machines, any node's (default ${default})."`
	bearer `embed:""`
}

func (o *operator) client() (*client, error) {
	base, err := parseBase(o.URL)
	if err != nil {
		return nil, err
	}
	if !o.hasToken() {
		return nil, &exitError{exitUsage, errors.New("RESTANTE_TOKEN, or --token-file, is needed: a token that says admin, as 'restante token --admin' makes it")}
	}
	c := newClient(base, "")
	c.token, err = o.token()
	return c, err
}

const revocationsPath = "/admin/revocations"

type revokeAddCmd struct {
	Sub    string `xor:"what" required:"" placeholder:"NAME" help:"Client whose tokens end: all that were issued until now, and those that do not say when they were issued."`
	JTI    string `name:"jti" xor:"what" required:"" placeholder:"ID" help:"The id (claim 'jti') of the one token that ends."`
	Reason string `placeholder:"TEXT" help:"Why, for the list."`
	operator
}

// Help is the text of `restante revoke --help` below the usage line.
func (revokeAddCmd) Help() string {
	return `Examples:

  export RESTANTE_TOKEN=$(restante token --sub operator --admin --ttl 1h)
  restante revoke --sub ann --reason 'lost phone'
  restante revoke --jti 9f86d081884c7d65
  restante revoke list

It asks a server, also on one machine: no node reads what another program writes into the store. It ends when every node has said that the revocation is in force there: requests with the tokens are answered 401, connections and streams have been ended. If some nodes have not said so within two seconds, it prints how many have; nodes that can reach the store or the broker follow within two seconds.

Revoking a client ends what was issued until now. First stop the program that issues tokens from giving the client new ones. A token that is issued in the same second counts as issued before.

Exit codes:
  0    it is kept and in force
  1    the server refused it
  2    the command line is wrong
  3    the server could not be reached or could not keep it, or it is not known to be in force on every node yet
  130  interrupted`
}

// revokedEntry is a revocation in an answer of the server.
type revokedEntry struct {
	Sub, JTI  string
	Before    time.Time
	Until     time.Time
	RevokedAt time.Time `json:"revoked_at"`
	RevokedBy string    `json:"revoked_by"`
	Reason    string
	Stored    bool
	Nodes     int
	InForce   int `json:"in_force"`
}

// Run revokes and says where it is in force.
func (c *revokeAddCmd) Run(ctx context.Context, s *streams) error {
	body := map[string]string{"reason": c.Reason}
	if c.Sub != "" {
		body["sub"] = chat.TrimName(c.Sub)
	} else {
		body["jti"] = c.JTI
	}
	var done revokedEntry
	if err := c.ask(ctx, http.MethodPost, revocationsPath, body, &done); err != nil {
		return err
	}
	what := "token " + done.JTI
	if done.Sub != "" {
		what = fmt.Sprintf("tokens of %s issued before %s", done.Sub, done.Before.Format(time.RFC3339))
	}
	if _, err := fmt.Fprintf(s.out, "revoked: %s\nin force on %d of %d nodes, kept until %s\n",
		printable(what), done.InForce, done.Nodes, done.Until.Format(time.RFC3339)); err != nil {
		return err
	}
	if !done.Stored {
		fmt.Fprintln(s.err, "restante: the store is away: the broker keeps it, and the store gets it when it is back")
	}
	if done.InForce < done.Nodes {
		return &exitError{exitUnavailable, fmt.Errorf("%d of %d nodes have not said that it is in force there; ask again to see", done.Nodes-done.InForce, done.Nodes)}
	}
	return nil
}

// ask sends one request, and reads its answer into to.
func (o *operator) ask(ctx context.Context, method, path string, body, to any) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	defer c.close()
	asked, cancel := context.WithTimeoutCause(ctx, attemptTimeout, fmt.Errorf("no answer within %v", attemptTimeout))
	defer cancel()
	resp, err := c.do(asked, method, path, nil, body)
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case err != nil && temporary(err):
		return &exitError{exitUnavailable, err}
	case err != nil:
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(to); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

type revokeListCmd struct {
	JSON bool `name:"json" help:"Print one JSON object per line."`
	operator
}

// Run prints every revocation that is in force, one per line.
func (c *revokeListCmd) Run(ctx context.Context, s *streams) error {
	for path := revocationsPath + "?" + (url.Values{"limit": {"500"}}).Encode(); path != ""; {
		var page struct {
			Revocations []json.RawMessage
			Next        string
		}
		if err := c.ask(ctx, http.MethodGet, path, nil, &page); err != nil {
			return err
		}
		for _, raw := range page.Revocations {
			if err := c.print(s.out, raw); err != nil {
				return err
			}
		}
		path = page.Next
	}
	return nil
}

func (c *revokeListCmd) print(w io.Writer, raw json.RawMessage) error {
	if c.JSON {
		_, err := fmt.Fprintf(w, "%s\n", raw)
		return err
	}
	var e revokedEntry
	if err := json.Unmarshal(raw, &e); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	what := "jti " + e.JTI
	if e.Sub != "" {
		what = fmt.Sprintf("sub %s before %s", e.Sub, e.Before.Format(time.RFC3339))
	}
	_, err := fmt.Fprintf(w, "%s\t%s\tuntil %s\tby %s\t%s\n", e.RevokedAt.Format(time.RFC3339), printable(what), e.Until.Format(time.RFC3339), printable(e.RevokedBy), printable(e.Reason))
	return err
}
