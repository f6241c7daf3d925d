package management

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"restante/internal/broker/rabbitmq/link"
)

// Danger is one setting that may lose messages which the broker has confirmed, change their order, or refuse new ones. It is
// about all queues that have it.
type Danger struct {
	Queues []string `json:"queues"`
	Key    string   `json:"key"`    // such as message-ttl
	Value  string   `json:"value"`  // "" when the danger is that it is not set
	Source string   `json:"source"` // who sets it: policy NAME, operator policy NAME, an argument of the queue, or RabbitMQ
	Why    string   `json:"why"`    // what may happen
}

// String returns the danger as one line.
func (d Danger) String() string {
	return fmt.Sprintf("%s (%s) on %s: %s", d.Setting(), d.Source, strings.Join(d.Queues, ", "), d.Why)
}

// Setting returns the key and the value.
func (d Danger) Setting() string {
	if d.Value == "" {
		return "no " + d.Key
	}
	return d.Key + " " + d.Value
}

// Dangers returns what is dangerous in a state, in a stable order. Partitions is the number that the nodes use, 0 if it is
// not known.
func (s *State) Dangers(partitions int) []Danger {
	var all []Danger
	for i := range s.Queues {
		q := &s.Queues[i]
		for _, d := range s.dangersOf(q, partitions) {
			same := func(o Danger) bool {
				return o.Key == d.Key && o.Value == d.Value && o.Source == d.Source && o.Why == d.Why
			}
			if at := slices.IndexFunc(all, same); at >= 0 {
				all[at].Queues = append(all[at].Queues, q.Name)
				continue
			}
			d.Queues = []string{q.Name}
			all = append(all, d)
		}
	}
	return all
}

// dangersOf returns the dangers of one queue, without its name.
func (s *State) dangersOf(q *Queue, partitions int) (found []Danger) {
	if n, ok := partitionOf(q.Name); ok && partitions > 0 && n >= partitions && q.Messages > 0 {
		found = append(found, Danger{
			Key: "partitions", Value: strconv.Itoa(partitions), Source: "the record of the nodes",
			Why: "messages are in it, and no node reads it: stop the nodes and make the number of partitions larger than the number of this queue",
		})
	}
	if q.Type != quorum {
		return append(found, Danger{
			Key: "type", Value: q.Type, Source: "the queue",
			Why: "it is on one RabbitMQ node only: delete it while it is empty, the nodes make it again",
		})
	}
	for _, look := range []func(*Queue) (Danger, bool){s.time, s.end, s.length, s.bytes, s.overflow, s.deadLetters, s.deliveries, s.disconnect} {
		if d, ok := look(q); ok {
			found = append(found, d)
		}
	}
	return found
}

// time finds a time to live.
func (s *State) time(q *Queue) (Danger, bool) {
	value, source, ok := s.smallest(q, keyMessageTTL)
	why := "messages that wait longer are dropped"
	switch {
	case q.leavesLetters():
		why = "messages that wait longer become dead letters, and their rooms lose their order"
	case q.isCounted():
		why = "dead letters that wait longer are dropped, and counted while a consumer runs"
	}
	return Danger{Key: keyMessageTTL, Value: value, Source: source, Why: why}, ok
}

// end finds a time after which the queue is deleted.
func (s *State) end(q *Queue) (Danger, bool) {
	value, source, ok := s.smallest(q, keyExpires)
	return Danger{Key: keyExpires, Value: value, Source: source, Why: "a queue that nobody reads for that time is deleted with its messages"}, ok
}

func (s *State) length(q *Queue) (Danger, bool) { return s.limit(q, keyMaxLength) }
func (s *State) bytes(q *Queue) (Danger, bool)  { return s.limit(q, keyMaxBytes) }

// limit finds a limit of the length.
func (s *State) limit(q *Queue, key string) (Danger, bool) {
	value, source, ok := s.smallest(q, key)
	why := "the oldest messages are dropped when more wait"
	switch {
	case q.effectiveOverflow() == rejectPublish:
		why = "new messages are refused when more wait"
	case q.isCounted():
		why = "the oldest dead letters are dropped when more wait, and counted while a consumer runs"
	case q.leavesLetters():
		why = "the oldest messages become dead letters when more wait, and are lost if " + link.DeadQueue + " cannot take them"
	}
	return Danger{Key: key, Value: value, Source: source, Why: why}, ok
}

// overflow finds a rule by which a full queue drops confirmed messages.
func (s *State) overflow(q *Queue) (Danger, bool) {
	value := q.effectiveOverflow()
	if value == "" || value == rejectPublish {
		return Danger{}, false
	}
	_, source, _ := s.setBy(q, keyOverflow)
	return Danger{
		Key: keyOverflow, Value: value, Source: source,
		Why: "a queue that is full drops confirmed messages, and dead letters may be lost on their way",
	}, true
}

// deadLetters finds another place for dead letters.
func (s *State) deadLetters(q *Queue) (Danger, bool) {
	value := q.deadLetterExchange()
	if value == "" || value == link.DeadExchange || q.isCounted() || q.Name == link.RecordQueue || q.Name == link.RemovedQueue {
		return Danger{}, false
	}
	source := argumentSource(keyDeadLetters)
	if q.argument(keyDeadLetters) == nil {
		_, source, _ = s.setBy(q, keyDeadLetters)
	}
	return Danger{Key: keyDeadLetters, Value: value, Source: source, Why: "dead letters go where restante does not find them"}, true
}

// deliveries finds a limit of deliveries. Since 4.0 there is one unless a queue says otherwise. A policy cannot be overridden
// by the queue.
func (s *State) deliveries(q *Queue) (Danger, bool) {
	d := Danger{Key: keyDeliveryLimit, Why: "messages are dropped when consumers were lost that often"}
	if q.leavesLetters() {
		d.Why = "messages become dead letters when consumers were lost that often, and their rooms lose their order"
	}
	var ok bool
	if d.Value, d.Source, ok = s.smallest(q, keyDeliveryLimit); ok || !atLeast(s.Version, 4, 0) {
		return d, ok
	}
	if q.argument(keyDeliveryLimit) != nil || q.Effective[keyDeliveryLimit] != nil {
		return d, false // there is none, and that was said
	}
	d.Value, d.Source = strconv.Itoa(defaultDeliveryLimit), "RabbitMQ's default for queues that older versions have made"
	return d, true
}

// defaultDeliveryLimit is RabbitMQ's, since 4.0.
const defaultDeliveryLimit = 20

// disconnect finds a queue that waits long for a consumer whose node of the broker was lost.
func (s *State) disconnect(q *Queue) (Danger, bool) {
	if !atLeast(s.Version, 4, 3) || q.Name == link.DeadQueue || q.argument(keyDisconnected) != nil || q.Effective[keyDisconnected] != nil {
		return Danger{}, false
	}
	return Danger{
		Key: keyDisconnected, Source: "RabbitMQ's default for queues that older versions have made",
		Why: "storing stops for a minute when a RabbitMQ node is lost that has a consumer",
	}, true
}

// leavesLetters reports whether what the broker removes from the queue becomes a dead letter that restante finds. What is
// removed from the queue of dead letters itself does not.
func (q *Queue) leavesLetters() bool {
	return q.deadLetterExchange() == link.DeadExchange && q.Name != link.DeadQueue && q.Name != link.RecordQueue && q.Name != link.RemovedQueue
}

// isCounted reports whether what the broker removes from the queue is counted as destroyed.
func (q *Queue) isCounted() bool {
	return q.Name == link.DeadQueue && q.deadLetterExchange() == link.QueuesExchange
}

// deadLetterExchange returns the one in force: an argument of the queue goes before a policy.
func (q *Queue) deadLetterExchange() string {
	for _, value := range []any{q.argument(keyDeadLetters), q.Effective[keyDeadLetters]} {
		if text, ok := value.(string); ok {
			return text
		}
	}
	return ""
}

// effectiveOverflow returns the rule in force, "" for RabbitMQ's default: a policy goes before an argument of the queue.
func (q *Queue) effectiveOverflow() string {
	for _, value := range []any{q.Effective[keyOverflow], q.argument(keyOverflow)} {
		if text, ok := value.(string); ok {
			return text
		}
	}
	return ""
}

func (q *Queue) argument(key string) any { return q.Arguments["x-"+key] }

func argumentSource(key string) string { return "argument x-" + key + " of the queue" }

// smallest returns the value in force of a key of which the smaller of argument and policy counts, and who sets it. Negative
// values are none.
func (s *State) smallest(q *Queue, key string) (value, source string, ok bool) {
	argument, has := number(q.argument(key))
	policy, hasPolicy := number(q.Effective[key])
	switch {
	case has && (!hasPolicy || argument <= policy):
		return strconv.FormatInt(argument, 10), argumentSource(key), true
	case hasPolicy:
		return s.setBy(q, key)
	}
	return "", "", false
}

// number returns a value that is a number, and not negative.
func number(value any) (int64, bool) {
	n, ok := value.(float64) // as JSON has it
	return int64(n), ok && n >= 0
}

// setBy returns the value of a key that policies set, and which policy does.
func (s *State) setBy(q *Queue, key string) (value, source string, ok bool) {
	if value, ok = q.Effective.text(key); !ok {
		return "", argumentSource(key), false
	}
	for _, p := range s.Policies {
		if mine, _ := p.Definition.text(key); p.Name == q.Policy && mine == value {
			return value, "policy " + p.Name, true
		}
	}
	return value, "operator policy " + q.OperatorPolicy, true
}

// text returns the value of a key as people write it.
func (d definition) text(key string) (string, bool) {
	value, ok := d[key]
	b, err := json.Marshal(value)
	return strings.Trim(string(b), `"`), ok && err == nil
}

// partitionOf returns the number of a queue of the intake.
func partitionOf(name string) (int, bool) {
	text, ok := strings.CutPrefix(name, link.IntakeQueue)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// compareNames orders queues by name, those of the intake by number.
func compareNames(a, b string) int {
	if m, ok := partitionOf(a); ok {
		if n, ok := partitionOf(b); ok {
			return cmp.Compare(m, n)
		}
	}
	return strings.Compare(a, b)
}
