package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Manage sends a request to the HTTP API of the management plugin, below /api, and returns the body of the answer. A
// status of 400 or above is an error.
func (n *RabbitNode) Manage(ctx context.Context, method, path, body string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, n.ManagementURL()+"/api"+path, strings.NewReader(body))
	if err != nil {
		return "", err
	}
	req.SetBasicAuth("guest", "guest")
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	return string(text), err
}

// Manage is RabbitNode.Manage at the first node that answers.
func (c *RabbitMQ) Manage(ctx context.Context, method, path, body string) (answer string, err error) {
	for _, n := range c.nodes {
		if answer, err = n.Manage(ctx, method, path, body); err == nil || ctx.Err() != nil {
			break
		}
	}
	return answer, err
}

// VHost creates a virtual host, unless it exists, and returns its addresses on all nodes, as URLs does. It returns when
// every running node has started its part of it.
func (c *RabbitMQ) VHost(ctx context.Context, name string) ([]string, error) {
	escaped := url.PathEscape(name)
	if _, err := c.Manage(ctx, http.MethodPut, "/vhosts/"+escaped, `{}`); err != nil {
		return nil, err
	}
	const everything = `{"configure":".*","write":".*","read":".*"}`
	if _, err := c.Manage(ctx, http.MethodPut, "/permissions/"+escaped+"/guest", everything); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		missing, err := c.startVHost(ctx, "/vhosts/"+escaped)
		if err == nil && len(missing) == 0 {
			return c.urls(name), nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("virtual host %s does not start on %v: %w", name, missing, errors.Join(err, ctx.Err()))
		}
	}
}

// DeleteVHost deletes a virtual host with everything in it. VHost can make it again under the same name.
func (c *RabbitMQ) DeleteVHost(ctx context.Context, name string) error {
	_, err := c.Manage(ctx, http.MethodDelete, "/vhosts/"+url.PathEscape(name), "")
	return err
}

// VHostName returns the name of the virtual host in an address that VHost has returned.
func VHostName(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	return strings.TrimPrefix(u.Path, "/"), nil
}

// startVHost starts a virtual host on the running nodes that have not started it, and returns those nodes. A node that
// was still starting when the virtual host was created may never start it by itself.
func (c *RabbitMQ) startVHost(ctx context.Context, path string) (missing []string, err error) {
	answer, err := c.Manage(ctx, http.MethodGet, path, "")
	var vhost struct {
		States map[string]string `json:"cluster_state"` // by running node
	}
	if err == nil {
		err = json.Unmarshal([]byte(answer), &vhost)
	}
	for node, state := range vhost.States {
		if state != "running" {
			missing = append(missing, node)
			_, startErr := c.Manage(ctx, http.MethodPost, path+"/start/"+url.PathEscape(node), "")
			err = errors.Join(err, startErr)
		}
	}
	return missing, err
}

// Version returns RabbitMQ's version, or "" when it does not answer.
func (c *RabbitMQ) Version(ctx context.Context) string {
	body, err := c.Manage(ctx, http.MethodGet, "/overview", "")
	var overview struct {
		Version string `json:"rabbitmq_version"`
	}
	if err == nil {
		err = json.Unmarshal([]byte(body), &overview)
	}
	if err != nil {
		return ""
	}
	return overview.Version
}
