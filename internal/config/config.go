// Package config is the configuration of a server: one struct, filled from flags, RESTANTE_… environment variables and a
// YAML file, in this order of precedence. Package cli fills it, package server uses it.
package config

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"

	"restante/internal/auth"
	"restante/internal/peer"
)

// The defaults of Config's fields.
const (
	DefaultListen = "127.0.0.1:8080"
	DefaultDrain  = 10 * time.Second
	DefaultLeeway = 5 * time.Second

	defaultReconnectWindow = 30 * time.Second // clients notice the loss of a silent connection after up to 30 s
	maxReconnectWindow     = 10 * time.Minute

	defaultDrainDelay = 5 * time.Second // load balancers usually check every two seconds, and twice
	InprocBroker      = "inproc:"
)

// MaxPartitions bounds Config.Partitions: each is a queue with a consumer on every node.
const MaxPartitions = 256

// Config configures a server. The zero value is the documented default: a server for this machine only, with its data in
// the user's data directory. There are two shapes: one machine (inproc and SQLite), and many (RabbitMQ and PostgreSQL).
type Config struct {
	Listen       string        `env:"RESTANTE_LISTEN" placeholder:"ADDR" help:"Address to listen on, HOST:PORT (default 127.0.0.1:8080). An address that other machines reach needs --auth."`
	Data         string        `env:"RESTANTE_DATA" placeholder:"DIR" type:"path" help:"Directory of the server's data, made if missing (default restante in the user's data directory, $XDG_DATA_HOME)."`
	Broker       []string      `env:"RESTANTE_BROKER" placeholder:"URL" help:"Broker between the nodes: 'inproc:' for one machine (default), or amqp://USER:PASSWORD@HOST:PORT/VHOST of RabbitMQ (amqps: over TLS). Several addresses of one RabbitMQ cluster are separated by commas. The parameter management, as in ?management=http://HOST:15672, says where its management API is, off for none."`
	Store        string        `env:"RESTANTE_STORE" placeholder:"URL" help:"Where messages are kept: sqlite:PATH (default sqlite:DATA/restante.db), or postgres://USER:PASSWORD@HOST:PORT/DATABASE, which goes with RabbitMQ."`
	Roles        []peer.Role   `env:"RESTANTE_ROLES" placeholder:"ROLE" help:"What this node does, separated by commas: 'api' takes messages and answers reads, 'consumer' stores them, 'hub' holds connections (default all). A node forwards to others what its roles do not cover."`
	Partitions   int           `env:"RESTANTE_PARTITIONS" placeholder:"N" help:"Number of intake queues that a new RabbitMQ gets (default 8). One that has them keeps their number, which 'restante broker partitions' changes. One that an earlier version has used needs the number once."`
	Advertise    string        `env:"RESTANTE_ADVERTISE" placeholder:"URL" help:"Where the other nodes reach this one, http://HOST:PORT (default: the address of --listen, with this machine's name when that is all of its interfaces). A node with a certificate needs it: https://NAME:PORT, with a name of the certificate."`
	Auth         Auth          `env:"RESTANTE_AUTH" placeholder:"MODE" help:"Who may read and send. 'jwt': bearers of a valid token. 'none': everyone who reaches the address, under any client_id. Must be given when --listen is not a loopback address."`
	Host         []string      `env:"RESTANTE_HOST" placeholder:"NAME" help:"Name under which clients reach this server, such as chat.example.org, without a port. Without authentication only such names, localhost and addresses are answered: otherwise a web page whose name was made to lead here could read and send. The names of --acme-domain and --advertise count too. With authentication it restricts as soon as it is given. Repeat it, or separate several by commas."`
	JWT          JWT           `embed:"" prefix:"jwt-"`
	JWKSURL      []string      `name:"jwks-url" env:"RESTANTE_JWKS_URL" placeholder:"URL" help:"Key set (JWKS) whose keys sign valid tokens; fetched at the start, refreshed, and fetched again for a key that is not in it. ISSUER=URL: its keys sign tokens of this 'iss' only, and no other key does. Repeat it, or separate several by commas."`
	JWKSMaxAge   time.Duration `name:"jwks-max-age" env:"RESTANTE_JWKS_MAX_AGE" placeholder:"DURATION" help:"How long the keys of a key set are believed while it cannot be fetched (default 24h). After that, requests whose tokens need it are answered 503."`
	CORSOrigin   []string      `name:"cors-origin" env:"RESTANTE_CORS_ORIGIN" placeholder:"ORIGIN" help:"Web page origin that may use this server from a browser, such as https://chat.example.org. Repeat it, or separate several by commas."`
	TLS          TLS           `embed:"" prefix:"tls-"`
	ACME         ACME          `embed:"" prefix:"acme-"`
	TrustedProxy []string      `name:"trusted-proxy" env:"RESTANTE_TRUSTED_PROXY" placeholder:"NETWORK" help:"Network of a proxy in front of this server, such as 10.0.0.0/8 or 127.0.0.1, whose X-Forwarded-For and X-Forwarded-Proto are believed. Repeat it, or separate several by commas (default none)."`
	Limit        Limit         `embed:"" prefix:"limit-"`
	LogLevel     slog.Level    `env:"RESTANTE_LOG_LEVEL" placeholder:"LEVEL" help:"Least level that is logged: debug, info, warn or error (default info)."`
	AuditLog     string        `env:"RESTANTE_AUDIT_LOG" placeholder:"FILE" help:"File of the audit log, lines of JSON that are appended: who has signed in, who was refused and why, what operators did. It may be moved away at any time. 'off': none (default: lines of the log with audit=true)."`
	LogFormat    LogFormat     `env:"RESTANTE_LOG_FORMAT" placeholder:"FORMAT" help:"Format of the log on standard error: text, json or auto, which is text on a terminal and json elsewhere (default auto)."`
	Drain        time.Duration `env:"RESTANTE_DRAIN" placeholder:"DURATION" help:"Longest time that a stop may take, for finishing requests and sending clients elsewhere (default 10s)."`

	ReconnectWindow *time.Duration `env:"RESTANTE_RECONNECT_WINDOW" placeholder:"DURATION" help:"How long a connection of a SignalR client that asks for stateful reconnect outlives its WebSocket (default 30s, 10m at most; 0s: stateful reconnect is not offered)."`

	BrokerPasswordFile string `env:"RESTANTE_BROKER_PASSWORD_FILE" placeholder:"FILE" type:"path" help:"File with the password of --broker, whose addresses then have a user name only. It is read for each new connection."`
	StorePasswordFile  string `env:"RESTANTE_STORE_PASSWORD_FILE" placeholder:"FILE" type:"path" help:"File with the password of --store, whose URL then has a user name only. It is read for each new connection."`

	DrainDelay *time.Duration `env:"RESTANTE_DRAIN_DELAY" placeholder:"DURATION" help:"First part of --drain, in which the server goes on while load balancers notice that /readyz is 503 (default 5s, or half of --drain if that is less; 0s for one machine without --trusted-proxy)."`
}

// Secrets are values that a printed or logged configuration does not show.
type Secrets []string

// String returns how many there are.
func (s Secrets) String() string { return fmt.Sprintf("(%d hidden)", len(s)) }

// GoString is String, for %#v.
func (s Secrets) GoString() string { return s.String() }

// MarshalText is String, for JSON and for log lines.
func (s Secrets) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// JWT says which tokens are valid. See package auth.
type JWT struct {
	Secret   Secrets       `env:"RESTANTE_JWT_SECRET" sep:"none" placeholder:"SECRET" help:"Secret of tokens that are signed with HS256 (32 bytes or more; 48 for HS384, 64 for HS512). Better in a file (--jwt-secret-file) or in the environment: other users of the machine see command lines. Repeat it (in --config: a list) while changing it."`
	Key      []string      `env:"RESTANTE_JWT_KEY" placeholder:"FILE" help:"File with the public key (PEM or JWK) of tokens that are signed with RS, PS, ES or EdDSA; a new one is taken when the file changes. ISSUER=FILE: it signs tokens of this 'iss' only, and no other key does. Repeat it, or separate several by commas."`
	Issuer   string        `env:"RESTANTE_JWT_ISSUER" placeholder:"TEXT" help:"The 'iss' of the tokens of every secret, key and key set that is given without an issuer (default: any, but for those with keys of their own)."`
	Audience string        `env:"RESTANTE_JWT_AUDIENCE" placeholder:"TEXT" help:"The 'aud' that every token must have, perhaps among others (default: any)."`
	Leeway   time.Duration `env:"RESTANTE_JWT_LEEWAY" placeholder:"DURATION" help:"By how much clocks may differ when the times of a token are checked (default 5s)."`
	MaxTTL   time.Duration `name:"max-ttl" env:"RESTANTE_JWT_MAX_TTL" placeholder:"DURATION" help:"The longest time for which a token may be valid, from its 'iat', or from now without one (default 400d)."`

	SecretFile []string `env:"RESTANTE_JWT_SECRET_FILE" placeholder:"FILE" help:"File with such a secret, instead of --jwt-secret, as systemd, Docker and Kubernetes make them; a new secret is taken when the file changes. Repeat it, or separate several by commas."`
}

// TLS is the server's own certificate.
type TLS struct {
	Cert string `env:"RESTANTE_TLS_CERT" placeholder:"FILE" type:"path" help:"Serve https with this certificate (PEM, with those in between); a new one is taken when the file changes."`
	Key  string `env:"RESTANTE_TLS_KEY" placeholder:"FILE" type:"path" help:"The key of --tls-cert (PEM)."`
}

// ACME is a certificate from an authority such as Let's Encrypt.
type ACME struct {
	Domain    []string `env:"RESTANTE_ACME_DOMAIN" placeholder:"NAME" help:"Serve https with a certificate for this name, from an ACME authority to whose terms you agree, renewed by itself; port 443 of the name must lead here. Repeat it, or separate several by commas."`
	Email     string   `env:"RESTANTE_ACME_EMAIL" placeholder:"ADDRESS" help:"Where the authority may write to when something is wrong with a certificate."`
	Directory string   `env:"RESTANTE_ACME_DIRECTORY" placeholder:"URL" help:"The authority's directory (default Let's Encrypt's)."`
}

// Limit bounds what clients may use. Zero is the documented default, which packages limit and hub fill in; a negative number is
// no limit.
type Limit struct {
	Sends                 int   `env:"RESTANTE_LIMIT_SENDS" placeholder:"N" help:"Messages per second of one client, twice as many at once (default 100; -1: no limit). A client is a token's sub, or without authentication an address."`
	Requests              int   `env:"RESTANTE_LIMIT_REQUESTS" placeholder:"N" help:"Other requests per second of one client, twice as many at once (default 300; -1: no limit)."`
	Connections           int   `env:"RESTANTE_LIMIT_CONNECTIONS" placeholder:"N" help:"Connections in all (default nine tenths of the files that the process may open, but no more than fit into --limit-memory; -1: no limit)."`
	ConnectionsPerAddress int   `env:"RESTANTE_LIMIT_CONNECTIONS_PER_ADDRESS" placeholder:"N" help:"Connections from one address, unless it is a trusted proxy (default 2000; -1: no limit)."`
	ConnectionsPerClient  int   `env:"RESTANTE_LIMIT_CONNECTIONS_PER_CLIENT" placeholder:"N" help:"Hub connections and event streams of one client (default 100; -1: no limit)."`
	Rooms                 int   `env:"RESTANTE_LIMIT_ROOMS" placeholder:"N" help:"Rooms that one hub connection may have joined (default 200; -1: no limit)."`
	RoomsPerClient        int   `env:"RESTANTE_LIMIT_ROOMS_PER_CLIENT" placeholder:"N" help:"Different rooms that all hub connections and event streams of one client may have joined on a node (default 2000; -1: no limit)."`
	CatchUps              int   `env:"RESTANTE_LIMIT_CATCH_UPS" placeholder:"N" help:"Pages of history that are read from the store at a time for readers that are behind; the others wait for their turn (default 32)."`
	Memory                Bytes `env:"RESTANTE_LIMIT_MEMORY" placeholder:"SIZE" help:"Memory for all that clients can make the server keep, such as 64MiB or 1GiB: requests, connections, bytes that wait, and the newest messages of rooms (default a third of what the container or GOMEMLIMIT allows, otherwise a quarter of the machine). What is cached gives way first; beyond it the server answers 503."`
}

// Auth is who may use a server.
type Auth string

// The values of Auth. Without one, a server may listen on loopback addresses only.
const (
	AuthUnsaid Auth = ""
	AuthNone   Auth = "none"
	AuthJWT    Auth = "jwt"
)

// LogFormat is how log lines are written.
type LogFormat string

// The values of LogFormat. The empty one means LogAuto.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Complete returns the configuration with every default filled in, but for those of Limit.
func (c Config) Complete() Config {
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	if c.Data == "" {
		c.Data = filepath.Join(xdg.DataHome, "restante")
	}
	if len(c.Broker) == 0 {
		c.Broker = []string{InprocBroker}
	}
	if len(c.Roles) == 0 {
		c.Roles = peer.Roles()
	}
	if c.Store == "" {
		c.Store = sqliteScheme + filepath.Join(c.Data, "restante.db")
	}
	if c.JWT.Leeway == 0 {
		c.JWT.Leeway = DefaultLeeway
	}
	if c.JWT.MaxTTL == 0 {
		c.JWT.MaxTTL = auth.DefaultMaxTTL
	}
	if c.JWKSMaxAge == 0 {
		c.JWKSMaxAge = auth.DefaultJWKSMaxAge
	}
	if c.LogFormat == "" {
		c.LogFormat = LogAuto
	}
	if c.Drain == 0 {
		c.Drain = DefaultDrain
	}
	if c.ReconnectWindow == nil {
		window := defaultReconnectWindow
		c.ReconnectWindow = &window
	}
	if c.DrainDelay == nil {
		delay := time.Duration(0)
		if isAMQP(c.Broker[0]) || len(c.TrustedProxy) > 0 {
			delay = min(defaultDrainDelay, c.Drain/2)
		}
		c.DrainDelay = &delay
	}
	return c
}

const sqliteScheme = "sqlite:"

// ManyMachines reports whether the configuration is of a node among others, on RabbitMQ and PostgreSQL, rather than of
// one machine.
func (c Config) ManyMachines() bool { return isAMQP(c.Complete().Broker[0]) }

// ServesTLS reports whether clients speak https to this server itself, rather than to a proxy in front of it.
func (c Config) ServesTLS() bool { return c.TLS != TLS{} || len(c.ACME.Domain) > 0 }

func isAMQP(url string) bool {
	return strings.HasPrefix(url, "amqp://") || strings.HasPrefix(url, "amqps://")
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// StorePath returns the path of the SQLite file that Store names, "" when it names none.
func (c Config) StorePath() string {
	path, ok := strings.CutPrefix(c.Store, sqliteScheme)
	if !ok {
		return ""
	}
	return path
}
