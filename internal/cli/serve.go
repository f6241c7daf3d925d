package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"runtime"
	"time"

	"restante/internal/config"
	"restante/internal/logging"
	"restante/internal/server"
)

type serveCmd struct {
	config.Config
	File config.File `name:"config" env:"RESTANTE_CONFIG" placeholder:"FILE" help:"YAML file with values for the flags above, by their long names. Flags and environment variables override it."`
}

// Help is the text of `restante serve --help` below the usage line.
func (serveCmd) Help() string {
	return `Examples:

  restante serve
      For this machine: http://127.0.0.1:8080, no authentication, data in the user's data directory.

  (umask 077; openssl rand -base64 48 > jwt-secret)
  restante serve --listen :443 --auth jwt --jwt-secret-file jwt-secret --acme-domain chat.example.org --data /var/lib/restante
      On the internet, at https://chat.example.org, for clients with tokens that are signed with the secret, such as
      'restante token' makes. The certificate comes from Let's Encrypt and is kept in the data directory.

  restante serve --listen :443 --auth jwt --jwks-url https://id.example.org/keys --jwt-audience chat --tls-cert cert.pem --tls-key key.pem
      For clients with tokens of an identity provider, with a certificate from files. You may replace the files at any time.

  restante serve --auth jwt --jwt-key public.pem --trusted-proxy 127.0.0.1 --cors-origin https://chat.example.org
      Behind a proxy on this machine that has the certificate, for a web page of another origin.

  restante serve --listen :8080 --auth none --data /var/lib/restante
      For everyone who can reach this machine. They can read all rooms and send under any name, so --auth none is required.

  restante serve --listen :8080 --auth jwt --jwt-key public.pem --broker amqp://restante:PASSWORD@rabbit/chat --store postgres://restante:PASSWORD@db/chat
      One of several nodes, on RabbitMQ and PostgreSQL. --roles, such as --roles hub, gives it a part of the work. Prefer
      --broker-password-file and --store-password-file: other users of the machine can read command lines.

  RESTANTE_LISTEN=127.0.0.1:9000 restante serve --config /etc/restante.yaml
      With a file such as

        data: /var/lib/restante
        log-format: json
        cors-origin: [https://chat.example.org]
        auth: jwt
        jwt-secret: [NEW-SECRET, OLD-SECRET]

A DURATION has units, such as 500ms, 10s, 90m, 2d or 1w.

SIGTERM, SIGHUP or Ctrl-C stops the server: it goes on for --drain-delay while load balancers notice that it is not ready, completes what it has accepted, tells its clients to reconnect, and exits with 0 within --drain. A second signal ends it at once; even then nothing that was accepted is lost.`
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, s *streams) error {
	// With one processor for Go code, all goroutines would pause during each fsync until the runtime notices, and no
	// messages could gather for the next commit. That costs nine tenths of the speed.
	if runtime.GOMAXPROCS(0) == 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2)
	}
	w, log := logging.New(s.err, logHandler(c.Config, s.err))
	s.err, s.end = w, func() { w.Close(logLimit) }
	for _, e := range c.Exposures(c.File) {
		warn(log, e)
	}
	return server.Run(ctx, c.Config, log, nil, w.Lost())
}

// warn logs what other users of the machine can do.
func warn(log *slog.Logger, e config.Exposure) {
	about := []any{"path", e.Path, "mode", fmt.Sprintf("%04o", e.Mode), "advice", "chmod go= " + e.Path}
	switch e.What {
	case config.CanRead:
		log.Warn("other users can read a file that holds a secret", about...)
	case config.CanWrite:
		log.Warn("other users can change a file that says who is trusted", about...)
	case config.CanEnter:
		log.Warn("other users can enter the data directory", about...)
	}
}

// logLimit is how long the end of the process waits for the last lines of its log to be read.
const logLimit = time.Second

// logHandler returns what makes the handler of the server's log, which is written to out.
func logHandler(cfg config.Config, out io.Writer) func(io.Writer) slog.Handler {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	format := cfg.Complete().LogFormat
	if format == config.LogText || format == config.LogAuto && isTerminal(out) {
		return func(w io.Writer) slog.Handler { return slog.NewTextHandler(w, options) }
	}
	return func(w io.Writer) slog.Handler { return slog.NewJSONHandler(w, options) }
}
