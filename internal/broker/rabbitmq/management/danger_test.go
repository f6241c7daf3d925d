package management

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// ours are the arguments of a queue that this version makes.
const ours = `"x-queue-type":"quorum","x-dead-letter-exchange":"restante.dead","x-dead-letter-strategy":"at-least-once",
	"x-overflow":"reject-publish","x-delivery-limit":-1,"x-consumer-disconnected-timeout":1000`

// counted is the arguments of the queue of dead letters, whose removed letters are counted.
const counted = `"x-queue-type":"quorum","x-dead-letter-exchange":"restante.queues","x-dead-letter-strategy":"at-least-once",
	"x-dead-letter-routing-key":"restante.removed","x-overflow":"reject-publish","x-delivery-limit":-1`

// state returns what the API says of one queue.
func state(t *testing.T, version, name, arguments, effective string) State {
	t.Helper()
	text := fmt.Sprintf(`{"Version":%q,
		"Queues":[{"name":%q,"type":"quorum","arguments":{%s},"policy":"p","operator_policy":"o","effective_policy_definition":%s,"messages":1}],
		"Policies":[{"name":"p","definition":{"message-ttl":300,"expires":1000,"max-length":5,"max-length-bytes":7,"overflow":"drop-head","dead-letter-exchange":"other"}}],
		"OperatorPolicies":[{"name":"o","definition":{"delivery-limit":3,"max-length":4}}]}`, version, name, arguments, effective)
	var s State
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestDangers(t *testing.T) {
	for _, c := range []struct {
		name, version, queue, arguments, effective string
		want                                       []string // setting, source and a part of why
	}{
		{"nothing", "4.3.6", "restante.intake.0", ours, `[]`, nil},
		{"a time to live", "4.3.6", "restante.intake.0", ours, `{"message-ttl":300}`, []string{"message-ttl 300 (policy p) become dead letters"}},
		{"a time to live on an old queue", "3.10.8", "restante.intake.0", `"x-queue-type":"quorum"`, `{"message-ttl":300}`, []string{"message-ttl 300 (policy p) are dropped"}},
		{"a time to live on dead letters", "4.3.6", "restante.dead", ours, `{"message-ttl":300}`, []string{"message-ttl 300 (policy p) are dropped"}},
		{"a time to live on dead letters that are counted", "4.3.6", "restante.dead", counted, `{"message-ttl":300}`, []string{"message-ttl 300 (policy p) counted while"}},
		{"a length of dead letters that are counted", "4.3.6", "restante.dead", counted, `{"max-length":5,"overflow":"drop-head"}`, []string{
			"max-length 5 (policy p) counted while", "overflow drop-head (policy p) drops confirmed messages",
		}},
		{"the policy of restante on what is counted", "4.3.6", "restante.removed", `"x-queue-type":"quorum","x-consumer-disconnected-timeout":1000`, `{"dead-letter-exchange":"restante.dead","delivery-limit":-1}`, nil},
		{"a time to live by argument", "4.3.6", "restante.inbox", ours + `,"x-message-ttl":5`, `{"message-ttl":300}`, []string{"message-ttl 5 (argument x-message-ttl of the queue) become"}},
		{"an end", "4.3.6", "restante.inbox", ours, `{"expires":1000}`, []string{"expires 1000 (policy p) deleted with its messages"}},
		{"a length", "4.3.6", "restante.intake.0", ours, `{"max-length":5}`, []string{"max-length 5 (policy p) refused"}},
		{"a length by an operator policy", "4.3.6", "restante.intake.0", ours, `{"max-length":4}`, []string{"max-length 4 (operator policy o) refused"}},
		{"a length on an old queue", "3.10.8", "restante.intake.0", `"x-queue-type":"quorum"`, `{"max-length-bytes":7}`, []string{"max-length-bytes 7 (policy p) oldest messages are dropped"}},
		{"a length that drops", "4.3.6", "restante.intake.0", ours, `{"max-length":5,"overflow":"drop-head"}`, []string{
			"max-length 5 (policy p) lost if restante.dead cannot take them", "overflow drop-head (policy p) drops confirmed messages",
		}},
		{"another place for dead letters", "4.3.6", "restante.intake.0", ours, `{"dead-letter-exchange":"other"}`, nil}, // the argument wins
		{"another place on an old queue", "3.10.8", "restante.intake.0", `"x-queue-type":"quorum"`, `{"dead-letter-exchange":"other"}`, []string{"dead-letter-exchange other (policy p)"}},
		{"a limit of deliveries", "4.3.6", "restante.intake.0", ours, `{"delivery-limit":3}`, []string{"delivery-limit 3 (operator policy o) lose their order"}},
		{"a limit on an old version", "3.10.8", "restante.intake.0", `"x-queue-type":"quorum"`, `{"delivery-limit":3}`, []string{"delivery-limit 3 (operator policy o) are dropped"}},
		{"the default limit", "4.0.5", "restante.intake.0", `"x-queue-type":"quorum"`, `[]`, []string{"delivery-limit 20 (RabbitMQ's default"}},
		{"no limit by policy", "4.0.5", "restante.intake.0", `"x-queue-type":"quorum"`, `{"delivery-limit":-1}`, nil},
		{"a queue of 3.10 after its upgrade", "4.3.6", "restante.record", `"x-queue-type":"quorum"`, `{"delivery-limit":-1}`, []string{"no consumer-disconnected-timeout (RabbitMQ's default"}},
		{"dead letters need no such time", "4.3.6", "restante.dead", `"x-queue-type":"quorum"`, `{"delivery-limit":-1}`, nil},
		{"messages in a queue that nobody reads", "4.3.6", "restante.intake.4", ours, `[]`, []string{"partitions 4 (the record of the nodes) no node reads it"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := state(t, c.version, c.queue, c.arguments, c.effective)
			var got []string
			for _, d := range s.Dangers(4) {
				got = append(got, d.String())
			}
			ok := len(got) == len(c.want)
			for i := range min(len(got), len(c.want)) {
				setting, why, _ := strings.Cut(c.want[i], ") ")
				ok = ok && strings.HasPrefix(got[i], setting) && strings.Contains(got[i], why) && strings.Contains(got[i], " on "+c.queue+":")
			}
			if !ok {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDangers_NamesAllQueuesOfOne(t *testing.T) {
	s := state(t, "4.3.6", "restante.intake.2", ours, `{"message-ttl":300}`)
	other := s.Queues[0]
	other.Name = "restante.intake.10"
	classic := Queue{Name: "restante.inbox", Type: "classic"}
	s.Queues = append(s.Queues, other, classic)
	got := s.Dangers(0)
	if len(got) != 2 || !slices.Equal(got[0].Queues, []string{"restante.intake.2", "restante.intake.10"}) || got[1].Value != "classic" {
		t.Errorf("%+v", got)
	}
}

func TestAdvised_IsRightForTheVersion(t *testing.T) {
	for version, want := range map[string]string{
		"3.10.8": `rabbitmqctl -p 'a b' set_policy restante '^restante\.(intake\.[0-9]+|inbox|dead|removed|record)$' '{"dead-letter-exchange":"restante.dead","dead-letter-strategy":"at-least-once","overflow":"reject-publish"}' --priority 1000 --apply-to queues`,
		"4.0.5":  `rabbitmqctl -p 'a b' set_policy restante '^restante\.(intake\.[0-9]+|inbox|dead|removed|record)$' '{"dead-letter-exchange":"restante.dead","dead-letter-strategy":"at-least-once","delivery-limit":-1,"overflow":"reject-publish"}' --priority 1000 --apply-to queues`,
		"4.3.6":  `rabbitmqctl -p 'a b' set_policy restante '^restante\.(intake\.[0-9]+|inbox|dead|removed|record)$' '{"consumer-disconnected-timeout":1000,"dead-letter-exchange":"restante.dead","dead-letter-strategy":"at-least-once","delivery-limit":-1,"overflow":"reject-publish"}' --priority 1000 --apply-to queues`,
	} {
		if got, err := Advised(version).Command("a b"); err != nil || got != want {
			t.Errorf("%s: %v\n%s, want\n%s", version, err, got, want)
		}
	}
	for version, want := range map[string]bool{"4.3.0": true, "4.10.1": true, "5.0": true, "4.2.9": false, "3.13.7": false, "": false, "x.y": false} {
		if atLeast(version, 4, 3) != want {
			t.Errorf("%q", version)
		}
	}
}
