package topology

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"restante/internal/errs"
)

// complaint is how the broker says that a queue or an exchange exists in another form: it names the first difference.
type complaint struct {
	argument string
	present  string // the value that the queue has, "" for none
	kind     string // the type of that value, as RabbitMQ calls it; "" for an attribute, which is no argument
	none     bool   // the queue has no such argument
}

var (
	complaintForm = regexp.MustCompile(`inequivalent arg '([^']+)' for (?:queue|exchange) .*: received .* but current is (.*)$`)
	valueForm     = regexp.MustCompile(`^the value '(.*)' of type '(.*)'$`)
)

// parseComplaint reads the reason of an error PRECONDITION_FAILED.
func parseComplaint(reason string) (complaint, bool) {
	m := complaintForm.FindStringSubmatch(reason)
	if m == nil {
		return complaint{}, false
	}
	c := complaint{argument: m[1]}
	if m[2] == "none" {
		c.none = true
	} else if v := valueForm.FindStringSubmatch(m[2]); v != nil {
		c.present, c.kind = v[1], v[2]
	} else {
		c.present = strings.Trim(m[2], "'")
	}
	return c, true
}

// tolerable reports whether a queue of ours may have this difference: earlier versions made it so, or it cannot cost a
// message.
func (c complaint) tolerable() bool {
	switch c.argument {
	case argLocator, argDisconnected, "x-quorum-initial-group-size", "x-quorum-target-group-size",
		"x-max-in-memory-length", "x-max-in-memory-bytes":
		return true
	case argLimit:
		return c.none || c.present == "-1"
	case argDeadExchange, argDeadKey, argDeadStrategy, amqp.QueueOverflowArg:
		return c.none
	}
	return false
}

// adopt puts the present value in the arguments, so that the next comparison finds the next difference.
func (c complaint) adopt(arguments amqp.Table) {
	switch n, err := strconv.ParseInt(c.present, 10, 64); {
	case c.none:
		delete(arguments, c.argument)
	case c.kind == "longstr":
		arguments[c.argument] = c.present
	case err == nil:
		arguments[c.argument] = n
	default:
		arguments[c.argument] = c.present
	}
}

// foreign returns the error about something of ours that somebody has made in another form.
func foreign(what string, reason string, err error) error {
	difference := strings.TrimPrefix(reason, "PRECONDITION_FAILED - ")
	if c, ok := parseComplaint(reason); ok {
		if c.none {
			difference = "it has no " + c.argument
		} else {
			difference = fmt.Sprintf("its %s is %s", c.argument, c.present)
		}
	}
	return errs.Wrap(errs.Conflict, err,
		"%s is on the broker in another form, which could lose messages (%s): delete it there when it is empty, or use another virtual host",
		what, difference)
}
