package management

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"restante/internal/errs"
)

// Parameter is the name of the parameter in the query of a broker's address that says where its management API is:
// http://host:15672, https://…, or Off.
const Parameter = "management"

// Off is the value of Parameter for a broker whose management API is not to be used.
const Off = "off"

const (
	callTimeLimit = 3 * time.Second // for one request to one address
	maxAnswer     = 16 << 20        // bytes that are read of an answer
)

// Client asks the management API of one broker about one virtual host. Its methods may be called concurrently. They try one
// address after the other, each for some seconds at most, and end with ctx. Errors are classified: errs.Unavailable when
// no address answers as it should, errs.Forbidden when the user may not ask, errs.NotFound when there is no such virtual
// host; they never show a password.
type Client struct {
	vhost     string
	addresses []address
}

// address is where one node of the broker has its API.
type address struct {
	base     string // scheme, host, port, and the path up to /api
	user     string
	password string
	read     func() (string, error) // the password of now; nil: password is it
	http     *http.Client
}

// New returns the client for the broker at the given AMQP addresses, nil if they all say that it is off. Without Parameter
// the API is at the host of the address, port 15672, or with TLS and port 15671 for amqps. User, password and the files
// for TLS are those of the address. It does not connect. Errors have the class errs.Invalid.
func New(urls []string) (*Client, error) {
	c := &Client{}
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			return nil, errs.Field("broker", "is not a URL")
		}
		c.vhost = vhostOf(u)
		a, err := newAddress(u)
		if err != nil {
			return nil, err
		}
		if a != nil {
			c.addresses = append(c.addresses, *a)
		}
	}
	if len(c.addresses) == 0 {
		return nil, nil //nolint:nilnil // off is the other outcome, not an error
	}
	return c, nil
}

// ReadPassword makes read the source of the password for each request, in the place of the addresses', so that a new password needs no
// restart. Call it before the first request; a nil Client takes it as well. Read may be called concurrently.
func (c *Client) ReadPassword(read func() (string, error)) {
	if c == nil {
		return
	}
	for i := range c.addresses {
		c.addresses[i].read = read
	}
}

// vhostOf returns the virtual host that an AMQP address names.
func vhostOf(u *url.URL) string {
	if name := strings.TrimPrefix(u.Path, "/"); name != "" {
		return name
	}
	return "/"
}

// newAddress returns where the API of the broker at u is, nil if it is off.
func newAddress(u *url.URL) (*address, error) {
	q := u.Query()
	where := q.Get(Parameter)
	switch where {
	case Off:
		return nil, nil //nolint:nilnil // as in New
	case "":
		scheme, port := "http", "15672"
		if u.Scheme == "amqps" {
			scheme, port = "https", "15671"
		}
		host := u.Hostname()
		if host == "" {
			host = "localhost"
		}
		where = scheme + "://" + net.JoinHostPort(host, port)
	}
	base, err := url.Parse(where)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, errs.Field("broker", "its parameter %s must be http://HOST:PORT, https://HOST:PORT or %s", Parameter, Off)
	}
	a := &address{user: "guest", password: "guest"} // the default of AMQP addresses
	for _, login := range []*url.Userinfo{u.User, base.User} {
		if login != nil {
			a.user = login.Username()
			a.password, _ = login.Password()
		}
	}
	a.base = base.Scheme + "://" + base.Host + strings.TrimSuffix(base.EscapedPath(), "/")
	a.http, err = newHTTP(q)
	return a, err
}

// newHTTP returns a client with the TLS files of an AMQP address. It follows no redirect, which could lead the password
// elsewhere.
func newHTTP(q url.Values) (*http.Client, error) {
	cfg := &tls.Config{ServerName: q.Get("server_name_indication"), MinVersion: tls.VersionTLS12}
	if file := q.Get("cacertfile"); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "broker: a file that the address names cannot be read")
		}
		if cfg.RootCAs = x509.NewCertPool(); !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errs.Field("broker", "its cacertfile has no certificate")
		}
	}
	if cert, key := q.Get("certfile"), q.Get("keyfile"); cert != "" && key != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, errs.Wrap(errs.Invalid, err, "broker: its certfile and keyfile are no pair")
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return &http.Client{
		Transport:     &http.Transport{TLSClientConfig: cfg, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// VHost returns the name of the virtual host.
func (c *Client) VHost() string { return c.vhost }

// do sends a request for a path below /api, with a body unless it is nil, and reads the answer into answer unless that is
// nil.
func (c *Client) do(ctx context.Context, method, path string, body, answer any) error {
	var failed error
	for i := range c.addresses {
		err := c.addresses[i].do(ctx, method, path, body, answer)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errs.CodeOf(err) != errs.Unavailable {
			return err
		}
		failed = errors.Join(failed, err)
	}
	return failed
}

func (a *address) do(ctx context.Context, method, path string, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeLimit)
	defer cancel()
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
		content = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+"/api/"+path, content)
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	password := a.password
	if a.read != nil {
		if password, err = a.read(); err != nil {
			return errs.Wrap(errs.Unavailable, err, "the password of RabbitMQ's management API cannot be read")
		}
	}
	req.SetBasicAuth(a.user, password)
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.http.Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address, which is named once
		}
		return errs.Wrap(errs.Unavailable, err, "RabbitMQ's management API at %s cannot be reached", a.base)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return errs.Wrap(errs.Unavailable, err, "RabbitMQ's management API at %s has not answered to the end", a.base)
	}
	if resp.StatusCode >= http.StatusMultipleChoices {
		return a.refused(resp.StatusCode, method, text)
	}
	if answer == nil {
		return nil
	}
	return errs.Wrap(errs.Unavailable, json.Unmarshal(text, answer), "what answers at %s is not RabbitMQ's management API", a.base)
}

// refused returns the error of an answer that is none.
func (a *address) refused(status int, method string, text []byte) error {
	var why struct {
		Error, Reason string
	}
	_ = json.Unmarshal(text, &why) // an answer without a reason is not RabbitMQ's
	cause := fmt.Errorf("status %d: %.300s", status, why.Reason)
	denied := status == http.StatusUnauthorized || status == http.StatusForbidden
	switch {
	case denied && strings.Contains(why.Reason, "management user"):
		return errs.Wrap(errs.Forbidden, cause, "the user %q may not use RabbitMQ's management API: give it the tag management", a.user)
	case denied && method == http.MethodPut:
		return errs.Wrap(errs.Forbidden, cause, "the user %q may not set policies: it needs the tag policymaker or administrator", a.user)
	case denied:
		return errs.Wrap(errs.Forbidden, cause, "RabbitMQ's management API at %s refuses the user %q: check its password, and its permissions on the virtual host", a.base, a.user)
	case status == http.StatusNotFound && why.Error != "":
		return errs.Wrap(errs.NotFound, cause, "RabbitMQ's management API at %s does not know the virtual host", a.base)
	case status == http.StatusBadRequest && why.Error != "":
		return errs.Wrap(errs.Invalid, cause, "RabbitMQ does not accept the policy")
	}
	return errs.Wrap(errs.Unavailable, cause, "what answers at %s is not RabbitMQ's management API", a.base)
}
