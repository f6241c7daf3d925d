package link

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
)

// address is one way to reach the broker.
type address struct {
	url  string // with the password: never shown
	host string // host:port, for logs

	password func() (string, error) // read for each connection, and takes the place of the URL's; nil: the URL has it
}

// parseAddresses reads the addresses of one broker. They must agree on the virtual host.
func parseAddresses(urls []string) ([]address, error) {
	if len(urls) == 0 {
		return nil, errs.Field("broker", "needs an address such as amqp://user:password@host:5672/vhost")
	}
	var addresses []address
	var vhost string
	for i, u := range urls {
		uri, err := parseURL(u)
		if err != nil {
			return nil, err
		}
		if i > 0 && uri.Vhost != vhost {
			return nil, errs.Field("broker", "the addresses must be of one virtual host, are of %q and %q", vhost, uri.Vhost)
		}
		vhost = uri.Vhost
		for _, file := range [...]string{uri.CACertFile, uri.CertFile, uri.KeyFile} {
			if file == "" {
				continue
			}
			if _, err := os.ReadFile(file); err != nil {
				return nil, errs.Wrap(errs.Invalid, err, "broker: a file that the address names cannot be read")
			}
		}
		addresses = append(addresses, address{url: u, host: fmt.Sprintf("%s:%d", uri.Host, uri.Port)})
	}
	return addresses, nil
}

// parseURL reads an address. Its errors do not show it, since it may hold a password.
func parseURL(text string) (amqp.URI, error) {
	uri, err := amqp.ParseURI(text)
	if err == nil {
		return uri, nil
	}
	if _, ok := errors.AsType[*url.Error](err); ok { // its cause may quote a part of the password
		err = errors.New("special characters in a user name or password are written as %XX")
	}
	why, _, _ := strings.Cut(err.Error(), ": strconv.") // what follows quotes the value of a parameter
	return uri, errs.Field("broker", "must be an address such as amqp://user:password@host:5672/vhost: %s", why)
}

// refused returns err as an error for the operator if waiting cannot repair its cause, else nil.
func refused(err error, host string) error {
	if e, ok := errors.AsType[*errs.Error](err); ok && e.Code == errs.Conflict {
		return err // of the topology: it says what to do
	}
	if e, ok := errors.AsType[*amqp.Error](err); ok && e.Server {
		switch {
		case e.Code == amqp.AccessRefused:
			return accessRefused(err, e.Reason, host)
		case e.Code == amqp.NotAllowed && !strings.Contains(e.Reason, "limit"):
			return errs.Wrap(errs.NotFound, err, "the broker at %s has no such virtual host for this user: add it, or grant permissions", host)
		case e.Code == amqp.PreconditionFailed:
			return errs.Wrap(errs.Conflict, err, "the broker at %s has what restante needs in another form: use another virtual host, or delete it there when it is empty", host)
		}
		return nil
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return errs.Wrap(errs.Forbidden, err, "the certificate of the broker at %s cannot be verified: name its CA with ?cacertfile=FILE", host)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return errs.Wrap(errs.Invalid, err, "the broker at %s does not speak TLS: use amqp:// or its TLS port, usually 5671", host)
	}
	return nil
}

// accessRefused returns the error of a user who may not log in, or may not use something on the broker. The reason names it.
func accessRefused(err error, reason, host string) error {
	if !strings.Contains(reason, "access to") {
		return errs.Wrap(errs.Forbidden, err, "the broker at %s refuses the user: check name and password", host)
	}
	return errs.Wrap(errs.Forbidden, err,
		"the broker at %s refuses the user a permission (%s): grant configure, write and read on '^restante\\.', as the operations manual says",
		host, strings.TrimPrefix(reason, "ACCESS_REFUSED - "))
}

// connectionConfig returns how to connect to an address, under a name that the broker shows. The caller adds Dial.
func connectionConfig(a address, name string, heartbeat time.Duration) (amqp.Config, error) {
	uri, err := parseURL(a.url)
	if err != nil {
		return amqp.Config{}, err
	}
	properties := amqp.NewConnectionProperties()
	properties.SetClientConnectionName(name)
	config := amqp.Config{Heartbeat: heartbeat, Properties: properties}
	if uri.AuthMechanism == nil {
		login := *uri.PlainAuth()
		if a.password != nil {
			if login.Password, err = a.password(); err != nil {
				return amqp.Config{}, errs.Wrap(errs.Unavailable, err, "the password of the broker cannot be read")
			}
		}
		config.SASL = []amqp.Authentication{&plain{login, properties}}
	}
	return config, nil
}

// plain is the mechanism PLAIN. It also tells the broker that this client understands a refused login. The client library
// does not say so, and then a refused connection looks like one that was cut.
type plain struct {
	amqp.PlainAuth
	properties amqp.Table
}

// Response implements amqp.Authentication. It is called when the properties are complete, before they are sent.
func (p *plain) Response() string {
	if capabilities, ok := p.properties["capabilities"].(amqp.Table); ok {
		capabilities["authentication_failure_close"] = true
	}
	return p.PlainAuth.Response()
}
