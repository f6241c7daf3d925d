package signalr

import (
	"encoding/json"
	"errors"
	"fmt"
)

// kind is the type number of a hub message.
type kind int

const (
	kindUnknown kind = iota // a number that the protocol does not know: the message is ignored
	kindInvocation
	kindStreamItem
	kindCompletion
	kindStreamInvocation
	kindCancel
	kindPing
	kindClose
	kindAck
	kindSequence
)

// kindOf maps numbers that the protocol does not know to kindUnknown.
func kindOf(n int64) kind {
	if n < int64(kindInvocation) || n > int64(kindSequence) {
		return kindUnknown
	}
	return kind(n)
}

// String is the value of the metrics' label.
func (k kind) String() string {
	return [...]string{
		"unknown", "invocation", "stream_item", "completion", "stream_invocation", "cancel", "ping", "close", "ack",
		"sequence",
	}[k]
}

// calls reports whether the message names a method.
func (k kind) calls() bool { return k == kindInvocation || k == kindStreamInvocation }

// counts reports whether the message is about the numbers of others.
func (k kind) counts() bool { return k == kindAck || k == kindSequence }

// needsID reports whether the message makes no sense without an invocation id.
func (k kind) needsID() bool {
	return k == kindStreamItem || k == kindCompletion || k == kindStreamInvocation || k == kindCancel
}

// message is a decoded hub message: what the server needs of it.
type message struct {
	kind    kind
	id      string // the invocation id; "" is none
	target  string
	args    []json.RawMessage
	argErr  error  // why the arguments cannot be given to the method; the message itself is valid
	streams int    // number of upload streams announced
	number  int64  // of an Ack or a Sequence; -1: it has none
	rest    []byte // of its record, if another message follows; nil: none
}

// maxArgs limits the arguments of a call: a list of very many small ones would take a hundred times their size.
const maxArgs = 100

var (
	errTooManyArgs = fmt.Errorf("more than %d arguments", maxArgs)
	errNoArgs      = errors.New("no arguments")
	errBadArgs     = errors.New("the arguments are cut, or not an array")
)

// Text that is not Unicode could only be stored changed.
var (
	errInvalidUTF8 = errors.New("text that is not UTF-8")
	errHalfPair    = errors.New("text with half of a surrogate pair, such as half an emoji")
)

// errMalformed is wrapped by every error of a codec: such a message ends its connection.
var errMalformed = errors.New("malformed message")

// errTooLarge says that a message, or its declared length, is beyond the limit.
var errTooLarge = errors.New("message too large")
