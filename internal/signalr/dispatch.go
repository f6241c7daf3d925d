package signalr

import (
	"errors"
	"fmt"
	"runtime/debug"
	"strings"

	"restante/internal/errs"
)

// handleRecord handles the messages of a record, which is usually one. Each of several counts towards the rate.
func (c *Conn) handleRecord(record []byte) {
	for {
		rest := c.handle(record)
		if len(rest) == 0 || c.stopped.Load() {
			return
		}
		c.awaitSpace()
		c.pace(len(record) - len(rest))
		record = rest
	}
}

// handle decodes the first message of a record, acts on it, and returns the rest, nil if no other message follows.
func (c *Conn) handle(content []byte) (rest []byte) {
	decoder := c.server.decoders.Get().(*jsonDecoder)
	m, err := c.protocol.decode(decoder, content)
	c.server.decoders.Put(decoder)
	if err != nil {
		c.fail(err)
		return nil
	}
	c.server.metrics.received(m.kind)
	if r := c.resumable(); r != nil && !r.admit(&m, len(content)-len(m.rest)) {
		return m.rest
	}
	switch m.kind {
	case kindInvocation, kindStreamInvocation:
		c.call(&m, len(content))
	case kindPing:
		c.pinged.Store(true)
	case kindClose:
		c.stop(causeClient, c.protocol.appendClose(nil, "", false))
	default:
		// The server opens no streams and makes no calls that are answered, so it does not know the ids of items,
		// completions and cancellations.
	}
	return m.rest
}

// call runs an invocation and answers it if it has an id.
func (c *Conn) call(m *message, size int) {
	method := c.server.method(m.target)
	answer, outcome := c.answer(m, method, size)
	c.server.metrics.invoked(method, outcome)
	if m.id != "" && answer != nil {
		c.reply(answer)
	}
	if c.session != nil {
		c.session.Answered(c.callsContext())
	}
}

// answer returns the completion of an invocation of size bytes. method is nil when the hub has none of that name.
func (c *Conn) answer(m *message, method *method, size int) (completion []byte, outcome callOutcome) {
	failed := func(text string) []byte { return c.protocol.appendError(nil, m.id, text) }
	switch {
	case method == nil:
		return failed("Unknown hub method '" + m.target + "'"), callUnknown
	case m.kind == kindStreamInvocation:
		return failed("The client attempted to invoke the non-streaming '" + m.target +
			"' method with a streaming invocation."), callInvalid
	case m.streams != 0:
		return failed(failedText(m.target) + fmt.Sprintf(" HubException: Client sent %d stream(s), Hub method expects 0.",
			m.streams)), callInvalid
	case m.argErr != nil:
		return failed(failedText(m.target) + " HubException: " + string(errs.Invalid) + ": " + m.argErr.Error()), callInvalid
	}
	if err := c.hold(size); err != nil {
		return c.failure(m, failed, err)
	}
	result, err := c.invoke(Invocation{Target: method.name, Args: m.args})
	if err == nil {
		completion, err = c.protocol.appendResult(nil, m.id, result)
	}
	if err == nil {
		return completion, callOK
	}
	return c.failure(m, failed, err)
}

// failure returns the completion of a call that has failed.
func (c *Conn) failure(m *message, failed func(string) []byte, err error) ([]byte, callOutcome) {
	if e, ok := errors.AsType[*ArgumentError](err); ok {
		return failed(argumentText(m.target, e.Msg)), callInvalid
	}
	if e, ok := errors.AsType[*HubError](err); ok {
		return failed(failedText(m.target) + " HubException: " + e.Msg), callRefused
	}
	if c.stopped.Load() { // the end of the connection has cut the call short, which is not an error
		return nil, callCanceled
	}
	c.server.log.Error("hub method failed", "connection", c.id, "method", m.target, "error", err)
	return failed(failedText(m.target)), callFailed
}

// recovered turns a panic in the hub into an error, as net/http does for handlers: a fault in one call must not end the
// other connections.
func recovered(what string, err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("panic in hub, %s: %v\n%s", what, p, debug.Stack())
	}
}

func (c *Conn) invoke(inv Invocation) (result any, err error) {
	defer recovered(inv.Target, &err)
	return c.session.Invoke(c.callsContext(), inv)
}

func failedText(target string) string {
	return "An unexpected error occurred invoking '" + target + "' on the server."
}

func argumentText(target, detail string) string {
	text := "Failed to invoke '" + target + "' due to an error on the server."
	if detail != "" {
		text += " InvalidDataException: " + detail
	}
	return text
}

// method is one of the hub's, with its counters.
type method struct {
	name     string
	outcomes [callOutcomes]counter
}

// method finds a target, exactly or without regard to case.
func (s *Server) method(target string) *method {
	if m := s.methods[target]; m != nil {
		return m
	}
	if m := s.methods[strings.ToLower(target)]; m != nil && len(m.name) == len(target) {
		return m // and not one whose letters only Unicode takes for these
	}
	return nil
}

// callOutcome is how a call ended: a label of the metrics.
type callOutcome int

const (
	callOK callOutcome = iota
	callInvalid
	callRefused
	callFailed
	callCanceled
	callUnknown
	callOutcomes
)

// String is the value of the metrics' label.
func (o callOutcome) String() string {
	return [callOutcomes]string{"ok", "invalid", "refused", "failed", "canceled", "unknown"}[o]
}
