package nodes

import (
	"context"
	"fmt"
	"net"
	"os"

	"github.com/jackc/pgx/v5"
)

// Standby starts an asynchronous standby of the server, which receives its log from upstream, HOST:PORT: the server itself, or
// a proxy before it that can hold the standby back. It returns when the standby answers. Stop must be called.
func (p *Postgres) Standby(ctx context.Context, upstream string) (*Postgres, error) {
	dir, err := os.MkdirTemp("", "restante-standby-")
	if err != nil {
		return nil, err
	}
	s := &Postgres{cfg: p.cfg, root: p.root, bin: p.bin, dir: dir, as: p.as}
	if err := s.copyOf(ctx, upstream); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (p *Postgres) copyOf(ctx context.Context, upstream string) (err error) {
	if p.as != nil {
		if err := os.Chown(p.dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			return err
		}
	}
	if err := p.baseBackup(ctx, upstream, p.data(), "-R"); err != nil {
		return err
	}
	if p.port, err = FreePort(); err != nil {
		return err
	}
	return p.Restart(ctx)
}

// baseBackup copies the data of the server at an address into a directory.
func (p *Postgres) baseBackup(ctx context.Context, server, dir string, options ...string) error {
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return err
	}
	args := append([]string{"-D", dir, "-d", "host=" + host + " port=" + port + " user=postgres", "-c", "fast", "-X", "stream"}, options...)
	if out, err := p.command(ctx, "pg_basebackup", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w\n%s", err, out)
	}
	return nil
}

// Promote makes a standby the primary. It returns when the server takes writes.
func (p *Postgres) Promote(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var promoted bool
	if err := conn.QueryRow(ctx, "SELECT pg_promote(true, 60)").Scan(&promoted); err != nil {
		return err
	}
	if !promoted {
		return fmt.Errorf("the standby was not promoted within a minute\n%s", p.Log())
	}
	return nil
}

// Backup copies the data of the running server for RestoreBackup. A later Backup replaces it.
func (p *Postgres) Backup(ctx context.Context) error {
	if err := os.RemoveAll(p.backup()); err != nil {
		return err
	}
	return p.baseBackup(ctx, p.Addr(), p.backup())
}

// RestoreBackup kills the server and starts it again, on the same port, with the data that it had at Backup. The backup may be
// restored several times.
func (p *Postgres) RestoreBackup(ctx context.Context) error {
	p.Kill()
	if err := os.RemoveAll(p.data()); err != nil {
		return err
	}
	if out, err := p.root.command(ctx, p.dir, p.as, "/bin/cp", "-a", p.backup(), p.data()).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the backup: %w\n%s", err, out)
	}
	return p.Restart(ctx)
}

func (p *Postgres) backup() string { return p.data() + ".backup" }
