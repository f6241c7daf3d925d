package topology

import (
	"encoding/json"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

func TestPlan_ArgumentsFollowTheVersion(t *testing.T) {
	for version, want := range map[string][2]bool{ // delivery limit, disconnected timeout
		"": {}, "3.10.8": {}, "3.13.0": {}, "4.0.5": {true, false}, "4.2.1": {true, false},
		"4.3.0-rc.1": {true, true}, "4.3.6": {true, true}, "4.10.0": {true, true}, "5.0.0": {true, true},
	} {
		p := plan{version}
		for _, q := range []queue{p.intakeQueue(0), p.inboxQueue(), p.deadQueue(), p.removedQueue(), p.recordQueue()} {
			arguments := p.arguments(q)
			_, limit := arguments["x-delivery-limit"]
			_, disconnected := arguments["x-consumer-disconnected-timeout"]
			if got := [2]bool{limit, disconnected}; got != want {
				t.Errorf("%s on %q has %v, want %v", q.name, version, got, want)
			}
			if err := arguments.Validate(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestIntakeKey(t *testing.T) {
	for generation, want := range map[int64]string{1: "3", 2: "3.2", 11: "3.11"} {
		if got := IntakeKey(3, generation); got != want {
			t.Errorf("generation %d: %s, want %s", generation, got, want)
		}
	}
}

// TestComplaint_SaysWhatMayDiffer has the sentences of RabbitMQ 3.10 to 4.3.
func TestComplaint_SaysWhatMayDiffer(t *testing.T) {
	for difference, want := range map[string]bool{
		"arg 'x-delivery-limit' for queue 'q' in vhost '/': received the value '-1' of type 'signedint' but current is none":                               true,
		"arg 'x-delivery-limit' for queue 'q' in vhost '/': received none but current is the value '-1' of type 'signedint'":                               true,
		"arg 'x-delivery-limit' for queue 'q' in vhost '/': received none but current is the value '20' of type 'signedint'":                               false,
		"arg 'x-queue-leader-locator' for queue 'q' in vhost '/': received the value 'balanced' of type 'longstr' but current is none":                     true,
		"arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': received the value 'restante.dead' of type 'longstr' but current is none":                true,
		"arg 'x-dead-letter-exchange' for queue 'q' in vhost '/': received none but current is the value 'other' of type 'longstr'":                        false,
		"arg 'x-overflow' for queue 'q' in vhost '/': received none but current is the value 'drop-head' of type 'longstr'":                                false,
		"arg 'x-max-length' for queue 'q' in vhost '/': received none but current is the value '1000000' of type 'long'":                                   false,
		"arg 'x-message-ttl' for queue 'q' in vhost '/': received none but current is the value '1' of type 'long'":                                        false,
		"arg 'x-queue-type' for queue 'q' in vhost '/': received the value 'quorum' of type 'longstr' but current is the value 'stream' of type 'longstr'": false,
		"arg 'x-single-active-consumer' for queue 'q' in vhost '/': received the value 'true' of type 'bool' but current is none":                          false,
		"arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'":                                                                 false,
	} {
		c, ok := parseComplaint("PRECONDITION_FAILED - inequivalent " + difference)
		if !ok || c.tolerable() != want {
			t.Errorf("%s: %+v, want tolerable %v", difference, c, want)
		}
	}
}

func TestComplaint_IsAdopted(t *testing.T) {
	arguments := amqp.Table{"a": "x", "b": 1}
	for _, c := range []complaint{{argument: "a", none: true}, {argument: "b", present: "7", kind: "signedint"}, {argument: "c", present: "y", kind: "longstr"}} {
		c.adopt(arguments)
	}
	if len(arguments) != 2 || arguments["b"] != int64(7) || arguments["c"] != "y" {
		t.Errorf("got %v", arguments)
	}
}

// TestRecord_KeepsWhatItDoesNotKnow: a node of this version changes the record of a newer one, and loses nothing.
func TestRecord_KeepsWhatItDoesNotKnow(t *testing.T) {
	r, err := parseRecord([]byte(`{"version":3,"partitions":4,"made":true,"tomorrow":{"id":"s"},"generations":{"2":{"number":5,"refilling":"n"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	changed := r.clone()
	changed.Version++
	changed.Generations[2] = Generation{Number: 6}
	body, err := json.Marshal(changed)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"generations":{"2":{"number":6}},"made":true,"partitions":4,"tomorrow":{"id":"s"},"version":4}`
	if string(body) != want {
		t.Errorf("got  %s\nwant %s", body, want)
	}
	if r.Generation(2) != 5 || r.Generation(0) != 1 {
		t.Errorf("the original has changed: %+v", r)
	}
}

func TestParseRecord_RefusesWhatIsNone(t *testing.T) {
	for _, body := range []string{"", "x", "{}", `{"version":1,"partitions":0}`, `{"version":0,"partitions":8}`, `{"version":1,"partitions":100000}`} {
		if r, err := parseRecord([]byte(body)); err == nil {
			t.Errorf("%q is read as %+v", body, r)
		}
	}
}
