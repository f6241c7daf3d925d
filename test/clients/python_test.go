package clients

import "testing"

// python runs a program of the folder python in the environment that scripts/deps.sh has made.
func python(t *testing.T, name string) []string {
	t.Helper()
	return []string{need(t, "../../.cache/python/bin/python"), "python/" + name}
}

func TestPython_Clients(t *testing.T) {
	follow(t,
		client{"pysignalr", python(t, "with_pysignalr.py"), []way{{"ws", "json"}, {"ws", "messagepack"}}},
		client{"signalrcore", python(t, "with_signalrcore.py"), []way{{"ws", "json"}, {"ws", "messagepack"}, {"sse", "json"}, {"lp", "json"}}},
	)
}
