// Package archtest checks the structure of the code: which package may import which. The rules are an ordinary test, so
// that the author of a forbidden import sees the failure at once. Nothing imports this package.
package archtest

// arrows lists for each package which packages of this module it may import. A package that is not listed is an error:
// add a line here for a new package, and a reason in docs/decisions. Tests may import what they need.
var arrows = map[string][]string{
	// types, errors and the flow of a message
	"internal/errs":    {},
	"internal/chat":    {"internal/errs"},
	"internal/journey": {"internal/chat", "internal/errs"},

	// the two mechanisms, each a concrete type over a driver
	"internal/broker":            {"internal/broker/driver", "internal/retry", "internal/chat", "internal/errs"},
	"internal/broker/driver":     {"internal/chat", "internal/errs"},
	"internal/broker/drivertest": {"internal/broker/driver", "internal/chat", "internal/errs"},
	"internal/broker/inproc":     {"internal/broker/driver", "internal/inflight", "internal/chat", "internal/errs"},
	"internal/store":             {"internal/store/driver", "internal/revocation", "internal/retry", "internal/chat", "internal/errs"},
	"internal/store/driver":      {"internal/revocation", "internal/build", "internal/chat", "internal/errs"},
	"internal/store/idfilter":    {},
	"internal/store/drivertest":  {"internal/store/driver", "internal/revocation", "internal/chat", "internal/errs"},
	"internal/store/sqlite":      {"internal/store/driver", "internal/store/idfilter", "internal/revocation", "internal/build", "internal/inflight", "internal/chat", "internal/errs"},
	"internal/store/postgres":    {"internal/store/driver", "internal/store/idfilter", "internal/revocation", "internal/build", "internal/inflight", "internal/retry", "internal/chat", "internal/errs"},

	// the broker of many machines: connections, dead letters, queues
	"internal/broker/rabbitmq/link":       {"internal/retry", "internal/errs"},
	"internal/broker/rabbitmq/topology":   {"internal/broker/rabbitmq/link", "internal/peer", "internal/revocation", "internal/retry", "internal/errs"},
	"internal/broker/rabbitmq/deadletter": {"internal/broker/rabbitmq/link", "internal/broker/rabbitmq/topology", "internal/chat", "internal/errs"},
	"internal/broker/rabbitmq/management": {"internal/broker/rabbitmq/link", "internal/errs"}, // the HTTP API: queues and policies
	"internal/broker/rabbitmq/operate": {
		"internal/broker/rabbitmq/link", "internal/broker/rabbitmq/topology", "internal/broker/rabbitmq/management", "internal/peer", "internal/retry", "internal/errs",
	}, // what operators do
	"internal/broker/rabbitmq": {
		"internal/broker/driver", "internal/broker/rabbitmq/link", "internal/broker/rabbitmq/topology", "internal/broker/rabbitmq/deadletter",
		"internal/broker/rabbitmq/management", "internal/event", "internal/revocation",
		"internal/peer", "internal/inflight", "internal/retry", "internal/chat", "internal/errs",
	},

	// what nodes and other services say to each other
	"internal/event": {"internal/chat", "internal/errs"},
	"internal/peer":  {"internal/revocation", "internal/chat"},

	// which tokens were revoked
	"internal/revocation": {"internal/chat", "internal/errs"},

	// versions side by side: switches in the store, features of the nodes
	"internal/upgrade": {"internal/store/driver", "internal/peer", "internal/retry", "internal/chat"},

	// whether the database is the one that it was
	"internal/epoch": {"internal/store/driver", "internal/peer", "internal/retry", "internal/chat", "internal/errs"},

	// small tools for loops, for Close, and for the order of starting
	"internal/build":     {},
	"internal/inflight":  {},
	"internal/retry":     {},
	"internal/lifecycle": {},
	"internal/turn":      {"internal/memory"}, // of reads of history
	"internal/memory":    {"internal/errs"},   // for what clients make the server keep
	"internal/timetext":  {},                  // times and durations that people write
	"internal/filestate": {},                  // whether files have changed
	"internal/secret":    {},                  // from files

	// whether a node can be used now, and its log
	"internal/health":  {"internal/errs"},
	"internal/logging": {},
	"internal/audit":   {"internal/auth", "internal/remote"}, // what those who look after security ask about

	// the edges
	"internal/signalr": {"internal/memory", "internal/origin", "internal/errs"},                                                                                                                                   // the protocol: no chat
	"internal/forward": {"internal/peer", "internal/remote", "internal/route", "internal/inflight", "internal/journey", "internal/chat", "internal/errs", "internal/nodetls", "internal/memory", "internal/auth"}, // requests that belong to another node
	"internal/route":   {"internal/peer"},                                                                                                                                                                         // which requests there are, and who answers them
	"internal/hub":     {"internal/memory", "internal/signalr", "internal/auth", "internal/journey", "internal/retry", "internal/turn", "internal/chat", "internal/errs"},
	"internal/api":     {"internal/health", "internal/auth", "internal/remote", "internal/origin", "internal/journey", "internal/route", "internal/timetext", "internal/chat", "internal/errs", "internal/memory", "internal/revocation"},
	"internal/auth":    {"internal/journey", "internal/retry", "internal/chat", "internal/errs", "internal/filestate", "internal/secret"}, // tokens in, client out
	"internal/remote":  {},                                                                                                                // addresses
	"internal/origin":  {},                                                                                                                // which web pages are whose
	"internal/limit":   {"internal/memory", "internal/auth", "internal/remote", "internal/route", "internal/journey", "internal/chat", "internal/errs"},
	"internal/cert":    {"internal/filestate"}, // TLS
	"internal/nodetls": {},                     // TLS between nodes
	"client":           {},                     // the web page, embedded

	// the program
	"internal/config":    {"internal/auth", "internal/origin", "internal/peer", "internal/secret", "internal/timetext"},
	"internal/telemetry": {"internal/route"},
	"internal/server": {
		"internal/config", "internal/errs", "internal/chat", "internal/journey",
		"internal/broker", "internal/broker/driver", "internal/broker/inproc", "internal/broker/rabbitmq",
		"internal/store", "internal/store/driver", "internal/store/sqlite", "internal/store/postgres",
		"internal/signalr", "internal/hub", "internal/api", "internal/peer", "internal/epoch", "internal/forward", "internal/telemetry", "internal/auth", "internal/limit", "internal/remote", "internal/cert", "internal/route", "internal/memory", "internal/build", "internal/health", "internal/inflight", "internal/lifecycle", "internal/turn", "internal/upgrade", "client", "internal/audit", "internal/nodetls", "internal/revocation",
	},
	"internal/load": {"internal/chat", "internal/signalr"}, // it uses a server as a client does
	"internal/cli": {
		"internal/audit", "internal/config", "internal/logging", "internal/retry", "internal/timetext", "internal/server", "internal/load", "internal/peer", "internal/chat", "internal/errs", "internal/secret",
		"internal/store", "internal/store/driver", "internal/store/sqlite", "internal/store/postgres",
		"internal/broker/rabbitmq/deadletter", "internal/broker/rabbitmq/management", "internal/broker/rabbitmq/operate", "internal/auth",
	},
	"cmd/restante": {"internal/cli"},

	// packages for tests
	"internal/testkit":       {"internal/config", "internal/server", "internal/load", "internal/chat", "internal/errs", "internal/testkit/nodes"},
	"internal/testkit/nodes": {},
	"test/nodes":             {"internal/testkit/nodes"},
	"test/rerun":             {},
	"internal/archtest":      {},
	"test/clients":           {},
	"test/e2e":               {},
	"test/faults":            {},
	"test/observe":           {},
	"test/privacy":           {},
}

// keepers lists libraries that only some packages may import, so that each can be replaced in one place.
var keepers = map[string][]string{
	"modernc.org/sqlite":         {"internal/store/sqlite"},
	"github.com/jackc/pgx":       {"internal/store/postgres", "internal/testkit/nodes"},
	"github.com/rabbitmq":        {"internal/broker/rabbitmq", "internal/broker/rabbitmq/link", "internal/broker/rabbitmq/topology", "internal/broker/rabbitmq/deadletter", "internal/broker/rabbitmq/operate"},
	"go.opentelemetry.io":        {"internal/telemetry", "internal/broker", "internal/store"},
	"github.com/gobwas":          {"internal/signalr", "internal/load", "internal/testkit"},
	"net/http":                   {"internal/broker/rabbitmq/management", "internal/signalr", "internal/hub", "internal/api", "internal/server", "internal/load", "internal/cli", "internal/testkit", "internal/testkit/nodes", "internal/forward", "internal/route", "internal/telemetry", "internal/auth", "internal/remote", "internal/limit", "client"},
	"github.com/go-jose":         {"internal/auth"},
	"golang.org/x/crypto/acme":   {"internal/cert"},
	"database/sql":               {"internal/store/sqlite"},
	"github.com/alecthomas/kong": {"internal/config", "internal/cli"},
	"github.com/andybalholm":     {"client"},
}

// pure lists the packages that import only this module and the standard library, with the exceptions given.
var pure = map[string][]string{
	"internal/errs":           {},
	"internal/chat":           {"github.com/go-json-experiment/json"},
	"internal/journey":        {"github.com/google/uuid"},
	"internal/broker/driver":  {},
	"internal/store/driver":   {},
	"internal/store/idfilter": {},
}
