package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// Manage sends a request to the HTTP API of the management plugin, below /api, and returns the answer's body. A status
// of 400 or above is an error.
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

// Version returns RabbitMQ's version, "" when it does not answer.
func (c *RabbitMQ) Version(ctx context.Context) string {
	body, err := c.nodes[0].Manage(ctx, http.MethodGet, "/overview", "")
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
