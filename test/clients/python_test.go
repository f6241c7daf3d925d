package clients

import "testing"

// python runs a program of the folder python in the environment that scripts/deps.sh has made.
func python(t *testing.T, name string) []string {
	t.Helper()
	need(t, "../../.cache/python/requirements.txt") // scripts/deps.sh copies it there last
	return []string{"../../.cache/python/bin/python", "python/" + name}
}

// pythonClients are in groups, because the first way of each is also tried with a token.
func pythonClients(t *testing.T) []client {
	t.Helper()
	pysignalr, signalrcore := python(t, "with_pysignalr.py"), python(t, "with_signalrcore.py")
	return []client{
		{"pysignalr", pysignalr, []way{{"ws", "json"}, {"ws", "messagepack"}}},
		{"signalrcore", signalrcore, []way{{"ws", "json"}, {"ws", "messagepack"}}},
		{"signalrcore", signalrcore, []way{{"sse", "json"}}},
		{"signalrcore", signalrcore, []way{{"lp", "json"}}},
	}
}

func TestPython_ClientsComeBack(t *testing.T) {
	t.Parallel()
	follow(t, pythonClients(t)...)
}

func TestPython_ServerRestarts(t *testing.T) {
	t.Parallel()
	restart(t, pythonClients(t)...)
}
