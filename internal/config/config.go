// Package config is how a server is told what to be: one struct, filled from flags, RESTANTE_… environment variables and
// a YAML file, in this order of precedence. Package cli fills it, package server obeys it.
package config

import (
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/adrg/xdg"

	"restante/internal/peer"
)

// The defaults of Config's fields.
const (
	DefaultListen = "127.0.0.1:8080"
	DefaultDrain  = 10 * time.Second
	InprocBroker  = "inproc:"
)

// MaxPartitions bounds Config.Partitions: each is a queue with a consumer on every node.
const MaxPartitions = 256

// Config is everything that a server can be told. The zero value is the documented default: a server for this machine
// alone, with its data in the user's data directory. There are two shapes: one machine (inproc and SQLite), and many
// (RabbitMQ and PostgreSQL).
type Config struct {
	Listen     string        `env:"RESTANTE_LISTEN" placeholder:"ADDR" help:"Address to listen on, HOST:PORT (default 127.0.0.1:8080). An address that other machines reach needs --auth."`
	Data       string        `env:"RESTANTE_DATA" placeholder:"DIR" type:"path" help:"Directory of the server's data, made if missing (default restante in the user's data directory, $XDG_DATA_HOME)."`
	Broker     []string      `env:"RESTANTE_BROKER" placeholder:"URL" help:"Broker between the nodes: 'inproc:' for one machine (default), or amqp://USER:PASSWORD@HOST:PORT/VHOST of RabbitMQ (amqps: over TLS). Several addresses of one RabbitMQ cluster are separated by commas."`
	Store      string        `env:"RESTANTE_STORE" placeholder:"URL" help:"Where messages are kept: sqlite:PATH (default sqlite:DATA/restante.db), or postgres://USER:PASSWORD@HOST:PORT/DATABASE, which goes with RabbitMQ."`
	Roles      []peer.Role   `env:"RESTANTE_ROLES" placeholder:"ROLE" help:"What this node does, separated by commas: 'api' takes messages and answers reads, 'consumer' stores them, 'hub' holds connections (default all). A node passes on to others what its roles do not cover."`
	Partitions int           `env:"RESTANTE_PARTITIONS" placeholder:"N" help:"Number of intake queues that a new RabbitMQ gets (default 8). One that has some keeps their number."`
	Advertise  string        `env:"RESTANTE_ADVERTISE" placeholder:"URL" help:"Where the other nodes reach this one, http://HOST:PORT (default: the address of --listen, with this machine's name when that is all of its interfaces)."`
	Auth       Auth          `env:"RESTANTE_AUTH" placeholder:"MODE" help:"Who may read and send. 'none': everyone who reaches the address, under any client_id. Must be given when --listen is not a loopback address."`
	CORSOrigin []string      `name:"cors-origin" env:"RESTANTE_CORS_ORIGIN" placeholder:"ORIGIN" help:"Web page origin that may use this server from a browser, such as https://chat.example.org. Repeat it, or separate several by commas."`
	LogLevel   slog.Level    `env:"RESTANTE_LOG_LEVEL" placeholder:"LEVEL" help:"Least level that is logged: debug, info, warn or error (default info)."`
	LogFormat  LogFormat     `env:"RESTANTE_LOG_FORMAT" placeholder:"FORMAT" help:"Format of the log on standard error: text, json or auto, which is text on a terminal and json elsewhere (default auto)."`
	Drain      time.Duration `env:"RESTANTE_DRAIN" placeholder:"DURATION" help:"Longest time that a stop may take, for finishing requests and sending clients elsewhere (default 10s)."`
}

// Auth is who may use a server.
type Auth string

// The values of Auth. Without one, a server may listen on loopback addresses only.
const (
	AuthUnsaid Auth = ""
	AuthNone   Auth = "none"
)

// LogFormat is how log lines are written.
type LogFormat string

// The values of LogFormat. The empty one means LogAuto.
const (
	LogAuto LogFormat = "auto"
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Complete returns the configuration with every default filled in.
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
	if c.LogFormat == "" {
		c.LogFormat = LogAuto
	}
	if c.Drain == 0 {
		c.Drain = DefaultDrain
	}
	return c
}

const sqliteScheme = "sqlite:"

// ManyMachines reports whether the configuration is of a node among others, on RabbitMQ and PostgreSQL, rather than of
// one machine.
func (c Config) ManyMachines() bool { return isAMQP(c.Complete().Broker[0]) }

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
