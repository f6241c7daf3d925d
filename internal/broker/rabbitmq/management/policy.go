package management

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"restante/internal/broker/rabbitmq/link"
)

// Pattern matches the names of the queues that keep messages. Queues that end with a node's connection, such as
// restante.hub.…, are not among them.
const Pattern = `^restante\.(intake\.[0-9]+|inbox|dead|removed|record)$`

// The keys of policies that matter here. As arguments of queues they begin with x-.
const (
	keyMessageTTL    = "message-ttl"
	keyExpires       = "expires"
	keyMaxLength     = "max-length"
	keyMaxBytes      = "max-length-bytes"
	keyOverflow      = "overflow"
	keyDeadLetters   = "dead-letter-exchange"
	keyStrategy      = "dead-letter-strategy"
	keyDeliveryLimit = "delivery-limit"
	keyDisconnected  = "consumer-disconnected-timeout"
)

const (
	quorum        = "quorum"
	rejectPublish = "reject-publish"
	atLeastOnce   = "at-least-once"
	unlimited     = -1

	// disconnectedTimeout is how long a queue waits for a consumer whose RabbitMQ node is lost, in milliseconds.
	disconnectedTimeout = 1000
	// policyPriority is above what people usually choose: of the policies that match a queue only one applies.
	policyPriority = 1000
)

// Advised returns the one policy that the queues of restante should have on this version of RabbitMQ. It takes the place of
// every other policy on them, of a lower priority, so that none can set a time to live or a length.
func Advised(version string) Policy {
	d := definition{keyOverflow: rejectPublish, keyDeadLetters: link.DeadExchange, keyStrategy: atLeastOnce}
	if atLeast(version, 4, 0) { // older versions have no limit, and refuse -1
		d[keyDeliveryLimit] = unlimited
	}
	if atLeast(version, 4, 3) { // older versions do not know the key
		d[keyDisconnected] = disconnectedTimeout
	}
	return Policy{Name: "restante", Pattern: Pattern, Definition: d, Priority: policyPriority, ApplyTo: "queues"}
}

// Command returns the shell command that sets the policy on a virtual host.
func (p Policy) Command(vhost string) (string, error) {
	definition, err := json.Marshal(p.Definition)
	if err != nil {
		return "", fmt.Errorf("encode policy %s: %w", p.Name, err)
	}
	return fmt.Sprintf("rabbitmqctl -p %s set_policy %s %s %s --priority %d --apply-to %s",
		quote(vhost), quote(p.Name), quote(p.Pattern), quote(string(definition)), p.Priority, p.ApplyTo), nil
}

// quote returns a text as one word of a shell command.
func quote(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./", r))
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// atLeast reports whether a version of RabbitMQ is the given one or a later one. One that cannot be read is the oldest.
func atLeast(version string, major, minor int) bool {
	first, rest, _ := strings.Cut(version, ".")
	second, _, _ := strings.Cut(rest, ".")
	a, _ := strconv.Atoi(first)  // 0 when it is not a number
	b, _ := strconv.Atoi(second) // the same
	return cmp.Or(cmp.Compare(a, major), cmp.Compare(b, minor)) >= 0
}

// Has reports whether the policy is in force on every queue, so that nothing but an operator policy or an argument of a queue
// can say otherwise.
func (s *State) Has(p Policy) bool {
	for _, q := range s.Queues {
		if q.Policy != p.Name {
			return false
		}
		for key := range p.Definition {
			if _, ok := q.Effective.text(key); !ok && q.Type == quorum {
				return false
			}
		}
	}
	return true
}
