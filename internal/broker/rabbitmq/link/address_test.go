package link

import (
	"io"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
)

func TestRefused_TellsWhatWaitingCannotRepair(t *testing.T) {
	for _, c := range []struct {
		err   error
		class errs.Code
	}{
		{&amqp.Error{Code: amqp.AccessRefused, Server: true}, errs.Forbidden},
		{&amqp.Error{Code: amqp.AccessRefused}, ""}, // the client library says so when a connection is cut
		{&amqp.Error{Code: amqp.NotAllowed, Reason: "vhost x not found", Server: true}, errs.NotFound},
		{&amqp.Error{Code: amqp.NotAllowed, Reason: "connection limit (3) is reached", Server: true}, ""},
		{&amqp.Error{Code: amqp.PreconditionFailed, Server: true}, errs.Conflict},
		{&amqp.Error{Code: amqp.InternalError, Reason: "vhost is down", Server: true}, ""},
		{io.EOF, ""},
	} {
		if got := errs.CodeOf(refused(c.err, "host")); got != c.class {
			t.Errorf("%v: class %q, want %q", c.err, got, c.class)
		}
	}
}

// TestConnectionConfig_ReadsThePasswordOfNow changes the password between two connections.
func TestConnectionConfig_ReadsThePasswordOfNow(t *testing.T) {
	b, err := NewBroker([]string{"amqp://ann@h/v"}, "test", nil)
	if err != nil {
		t.Fatal(err)
	}
	password, failed := "first", error(nil)
	b.ReadPassword(func() (string, error) { return password, failed })
	for _, password = range []string{"first", "second"} {
		c, err := connectionConfig(b.addresses[0], "test", 0)
		if err != nil || c.SASL[0].Response() != "\x00ann\x00"+password {
			t.Errorf("%s: %q, %v", password, c.SASL[0].Response(), err)
		}
	}
	failed = io.ErrUnexpectedEOF
	if _, err := connectionConfig(b.addresses[0], "test", 0); errs.CodeOf(err) != errs.Unavailable {
		t.Errorf("a file that cannot be read: %v", err)
	}
}
