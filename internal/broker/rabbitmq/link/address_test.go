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
