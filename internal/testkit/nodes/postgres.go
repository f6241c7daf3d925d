package nodes

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresConfig says how to start a server. The zero value is a server with the settings that durability needs.
type PostgresConfig struct {
	Settings []string // further settings, NAME=VALUE
}

// Postgres is a private PostgreSQL server. Its user postgres needs no password. Its methods may be called concurrently,
// except those that start or end the server.
type Postgres struct {
	cfg     PostgresConfig
	root    root
	bin     string
	dir     string
	port    int
	as      *syscall.Credential // nil: the user who runs this program
	running *process
}

// StartPostgres starts a server and returns when it answers. Stop must be called.
func StartPostgres(ctx context.Context, cfg PostgresConfig) (*Postgres, error) {
	root, err := chosenRoot()
	if err != nil {
		return nil, err
	}
	bin, err := root.postgresPrograms()
	if err != nil {
		return nil, err
	}
	as, err := root.unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "restante-postgres-")
	if err != nil {
		return nil, err
	}
	p := &Postgres{cfg: cfg, root: root, bin: bin, dir: dir, as: as}
	if err := p.create(ctx); err != nil {
		p.Stop()
		return nil, err
	}
	return p, nil
}

// postgresPrograms returns the directory of the newest version's initdb and postgres.
func (r root) postgresPrograms() (string, error) {
	found := r.glob("/usr/lib/postgresql/*/bin/initdb")
	if path, err := exec.LookPath("initdb"); err == nil && len(found) == 0 && r == "/" {
		found = append(found, path)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("PostgreSQL (package postgresql) in %s: %w", r, ErrMissing)
	}
	return filepath.Dir(slices.Max(found)), nil
}

func (p *Postgres) create(ctx context.Context) (err error) {
	if p.as != nil {
		if err := os.Chown(p.dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			return err
		}
	}
	initdb := p.command(ctx, "initdb", "-D", p.data(), "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	for range 3 { // another program may use the port first
		if p.port, err = FreePort(); err != nil {
			return err
		}
		if err = p.Restart(ctx); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

func (p *Postgres) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	return p.root.command(ctx, p.dir, p.as, filepath.Join(p.bin, program), args...)
}

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }
func (p *Postgres) log() string  { return filepath.Join(p.dir, "log") }

// Restart kills the server if it runs, and starts it again on the same port and data. It returns when the server
// answers, after recovery.
func (p *Postgres) Restart(ctx context.Context) error {
	p.Kill()
	args := []string{"-D", p.data(), "-p", strconv.Itoa(p.port)}
	settings := append([]string{
		"listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=200",
		"shared_buffers=64MB", "dynamic_shared_memory_type=mmap", // leaves nothing behind when the server is killed
	}, p.cfg.Settings...)
	for _, s := range settings {
		args = append(args, "-c", s)
	}
	running, err := start(p.command(context.WithoutCancel(ctx), "postgres", args...), p.dir, p.log())
	if err != nil {
		return err
	}
	p.running = running
	return running.await(ctx, "PostgreSQL", p.log(), func(ctx context.Context) bool {
		conn, err := pgx.Connect(ctx, p.url("postgres")+"&connect_timeout=1")
		if err != nil {
			return false
		}
		return conn.Close(ctx) == nil
	})
}

// Addr returns the server's address, HOST:PORT.
func (p *Postgres) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.port)) }

func (p *Postgres) url(database string) string {
	return "postgres://postgres@" + p.Addr() + "/" + database + "?sslmode=disable"
}

// Database creates an empty database and returns its URL.
func (p *Postgres) Database(ctx context.Context, name string) (string, error) {
	conn, err := pgx.Connect(ctx, p.url("postgres"))
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", fmt.Errorf("create database %s: %w", name, err)
	}
	return p.url(name), nil
}

// Kill ends the server and all its processes as kill -9 does.
func (p *Postgres) Kill() {
	if p.running != nil {
		p.running.kill()
	}
}

// Pause freezes every process of the server.
func (p *Postgres) Pause() { p.running.signal(syscall.SIGSTOP) }

// Resume ends a Pause.
func (p *Postgres) Resume() { p.running.signal(syscall.SIGCONT) }

// Log returns the end of the server's log.
func (p *Postgres) Log() string { return tail(p.log()) }

// Version returns the output of postgres --version.
func (p *Postgres) Version(ctx context.Context) string {
	out, _ := p.command(ctx, "postgres", "--version").Output() // the output is only printed
	return strings.TrimSpace(string(out))
}

// Stop ends the server and removes its data.
func (p *Postgres) Stop() {
	if p.running != nil {
		p.running.signal(syscall.SIGCONT)
		p.running.terminate(syscall.SIGINT, 5*time.Second)
	}
	_ = os.RemoveAll(p.dir) // if this fails, a temporary directory remains, which does no harm
}
