package clients

import "testing"

// python runs a program of the folder python in the environment that scripts/deps.sh has made.
func python(t *testing.T, name string) []string {
	t.Helper()
	need(t, "../../.cache/python/requirements.txt") // scripts/deps.sh copies it there last
	return []string{"../../.cache/python/bin/python", "python/" + name}
}

func TestPython_Clients(t *testing.T) {
	follow(t,
		client{"pysignalr", python(t, "with_pysignalr.py"), []way{{"ws", "json"}, {"ws", "messagepack"}}},
		client{"signalrcore", python(t, "with_signalrcore.py"), []way{{"ws", "json"}, {"ws", "messagepack"}}},
		client{"signalrcore", python(t, "with_signalrcore.py"), []way{{"sse", "json"}}},
		client{"signalrcore", python(t, "with_signalrcore.py"), []way{{"lp", "json"}}},
	)
}
