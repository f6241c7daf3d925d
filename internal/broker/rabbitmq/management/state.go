package management

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// State is what the API says about the queues of restante that keep messages.
type State struct {
	Version          string // of RabbitMQ, such as 4.3.6
	Queues           []Queue
	Policies         []Policy // of the virtual host
	OperatorPolicies []Policy // those that operators of the broker impose; they cannot be overridden by a policy
}

// Queue is one queue. The numbers may be some seconds old.
type Queue struct {
	Name           string         `json:"name"`
	Type           string         `json:"type"` // quorum, classic, stream
	Arguments      map[string]any `json:"arguments"`
	Policy         string         `json:"policy"`          // "" for none
	OperatorPolicy string         `json:"operator_policy"` // "" for none
	Effective      definition     `json:"effective_policy_definition"`
	Messages       int64          `json:"messages"`
	Consumers      int64          `json:"consumers"`
	State          string         `json:"state"`  // such as running
	Leader         string         `json:"leader"` // the node of the broker, "" if there is none
	Members        []string       `json:"members"`
	Online         []string       `json:"online"` // of the members
}

// Policy is a policy of the virtual host.
type Policy struct {
	Name       string     `json:"name"`
	Pattern    string     `json:"pattern"`
	Definition definition `json:"definition"`
	Priority   int        `json:"priority"`
	ApplyTo    string     `json:"apply-to"`
}

// definition is what policies set, by key. RabbitMQ writes an empty one as an empty list.
type definition map[string]any

// UnmarshalJSON implements json.Unmarshaler.
func (d *definition) UnmarshalJSON(b []byte) error {
	if string(b) == "[]" {
		*d = nil
		return nil
	}
	return json.Unmarshal(b, (*map[string]any)(d))
}

// queueFields is what is asked of a queue: everything takes RabbitMQ longer to say.
const queueFields = "name,type,arguments,policy,operator_policy,effective_policy_definition,messages,consumers,state,leader,members,online"

// pageSize is how many queues an answer has at most. It is RabbitMQ's limit.
const pageSize = 500

// State reads all of it.
func (c *Client) State(ctx context.Context) (State, error) {
	var s State
	var overview struct {
		Version string `json:"rabbitmq_version"`
	}
	if err := c.do(ctx, http.MethodGet, "overview?columns=rabbitmq_version", nil, &overview); err != nil {
		return s, fmt.Errorf("ask for the version: %w", err)
	}
	s.Version = overview.Version
	var err error
	if s.Queues, err = c.queues(ctx); err != nil {
		return s, fmt.Errorf("list queues: %w", err)
	}
	if err := c.do(ctx, http.MethodGet, "policies/"+url.PathEscape(c.vhost), nil, &s.Policies); err != nil {
		return s, fmt.Errorf("list policies: %w", err)
	}
	if err := c.do(ctx, http.MethodGet, "operator-policies/"+url.PathEscape(c.vhost), nil, &s.OperatorPolicies); err != nil {
		return s, fmt.Errorf("list operator policies: %w", err)
	}
	return s, nil
}

// queues returns the queues of restante that keep messages, in their order.
func (c *Client) queues(ctx context.Context) (all []Queue, err error) {
	for page, pages := 1, 1; page <= pages; page++ {
		query := url.Values{
			"columns": {queueFields}, "name": {Pattern}, "use_regex": {"true"},
			"page": {strconv.Itoa(page)}, "page_size": {strconv.Itoa(pageSize)},
		}
		var answer struct {
			Items []Queue `json:"items"`
			Pages int     `json:"page_count"`
		}
		if err := c.do(ctx, http.MethodGet, "queues/"+url.PathEscape(c.vhost)+"?"+query.Encode(), nil, &answer); err != nil {
			return nil, err
		}
		all, pages = append(all, answer.Items...), answer.Pages
	}
	slices.SortFunc(all, func(a, b Queue) int { return compareNames(a.Name, b.Name) })
	return all, nil
}

// SetPolicy adds a policy to the virtual host, or replaces the one with this name. The broker applies it to the queues a
// moment later.
func (c *Client) SetPolicy(ctx context.Context, p Policy) error {
	path := "policies/" + url.PathEscape(c.vhost) + "/" + url.PathEscape(p.Name)
	if err := c.do(ctx, http.MethodPut, path, p, nil); err != nil {
		return fmt.Errorf("set policy %s: %w", p.Name, err)
	}
	return nil
}
