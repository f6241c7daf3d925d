package postgres

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"restante/internal/errs"
)

const (
	defaultMaxConns = 16
	oldestServer    = 130000 // in the form of server_version_num
)

// newPool returns a pool that has not connected yet, and the name of its server in logs and errors.
func (d *Driver) newPool(url string) (*pgxpool.Pool, string, error) {
	cfg := d.cfg
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, "", errs.Wrap(errs.Invalid, withoutSecrets(url, err), "the address of the database makes no sense; use postgres://USER:PASSWORD@HOST:PORT/DATABASE "+
			"(special characters in a password are written as %%XX)")
	}
	cc := c.ConnConfig
	c.MaxConns = poolSize(url, c, cfg)
	c.PingTimeout = time.Second
	c.MaxConnLifetimeJitter = 5 * time.Minute
	if cfg.ConnectTimeout != 0 {
		cc.ConnectTimeout = cfg.ConnectTimeout
	} else if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = 3 * time.Second
	}
	cc.DialFunc = dialer(cc.ConnectTimeout).DialContext
	if cc.ValidateConnect == nil { // several hosts are tried until one takes writes
		cc.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	if cc.RuntimeParams["application_name"] == "" {
		cc.RuntimeParams["application_name"] = "restante"
	}
	c.BeforeConnect = d.login
	c.AfterConnect = d.compare
	c.PrepareConn = d.isOfTerm
	c.BeforeClose = hurry
	pool, err := pgxpool.NewWithConfig(context.Background(), c)
	if err != nil {
		return nil, "", errs.Wrap(errs.Invalid, err, "the settings of the database's connections make no sense")
	}
	return pool, fmt.Sprintf("%s/%s", net.JoinHostPort(cc.Host, strconv.Itoa(int(cc.Port))), cc.Database), nil
}

// poolSize returns Config.MaxConns, or else pool_max_conns of the URL, or else the default.
func poolSize(url string, c *pgxpool.Config, cfg Config) int32 {
	if cfg.MaxConns > 0 {
		return int32(cfg.MaxConns)
	}
	if parsed, err := pgx.ParseConfig(url); err == nil && parsed.RuntimeParams["pool_max_conns"] != "" {
		return c.MaxConns
	}
	return defaultMaxConns
}

// hurry lets the end of a connection, which writes to it, not wait for a server that hangs.
func hurry(conn *pgx.Conn) { _ = conn.PgConn().Conn().SetDeadline(time.Now().Add(time.Second)) }

// settings sets up a session. Appends need READ COMMITTED to see what was committed while they waited for their locks; in
// a stricter mode they would fail with serialization errors instead. The limits are the server's side of
// Config.AttemptTimeout: a statement whose client has disconnected must not hold locks. The settings are not sent as
// start-up parameters, because PgBouncer refuses those. In its transaction mode they may apply to some statements only,
// which does no harm.
const settings = `SELECT array_agg(set_config(name, value, false)) FROM (VALUES
	('default_transaction_isolation', 'read committed'),
	('statement_timeout', '10s'), ('idle_in_transaction_session_timeout', '10s'),
	('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '2'), ('tcp_keepalives_count', '3'),
	('tcp_user_timeout', '10000')) AS settings (name, value)`

// connect opens a connection that is not of the pool, to a database that is not known yet. The caller calls disconnect.
func (d *Driver) connect(ctx context.Context) (conn *pgx.Conn, err error) {
	err = d.within(ctx, openTimeout, func(ctx context.Context) error {
		c := d.pool.Config().ConnConfig
		if err := d.login(ctx, c); err != nil {
			return err
		}
		if conn, err = pgx.ConnectConfig(ctx, c); err != nil {
			return err
		}
		if _, err = conn.Exec(ctx, settings); err != nil {
			d.disconnect(ctx, conn)
		}
		return err
	})
	return conn, err
}

func (d *Driver) disconnect(ctx context.Context, conn *pgx.Conn) {
	hurry(conn)
	if err := conn.Close(context.WithoutCancel(ctx)); err != nil {
		d.cfg.Log.Debug("closing a connection to the database", "error", err)
	}
}

// inspect refuses a database that cannot hold messages, and warns of settings that endanger the promise.
func (d *Driver) inspect(ctx context.Context, conn *pgx.Conn) error {
	var version int
	var encoding, fsync, pages string
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num')::integer, current_setting('server_encoding'),
		current_setting('fsync'), current_setting('full_page_writes')`).Scan(&version, &encoding, &fsync, &pages)
	if err != nil {
		return err
	}
	if version < oldestServer {
		return &finalError{errs.Wrap(errs.Unavailable, fmt.Errorf("database %s is PostgreSQL %d", d.server, version/10000),
			"the server is too old; PostgreSQL %d or later is needed", oldestServer/10000)}
	}
	if encoding != "UTF8" {
		return &finalError{errs.Wrap(errs.Unavailable, fmt.Errorf("database %s has the encoding %s", d.server, encoding),
			"the database cannot hold every text; create one with ENCODING 'UTF8' TEMPLATE template0")}
	}
	if fsync != "on" || pages != "on" {
		d.cfg.Log.Warn("the server may lose accepted messages when it crashes; set fsync and full_page_writes to on",
			"fsync", fsync, "full_page_writes", pages)
	}
	return nil
}

// dialer detects within seconds that a peer has disconnected, on connections in use and on idle ones.
func dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{
		Timeout:         timeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3},
		ControlContext:  limitUnanswered,
	}
}
