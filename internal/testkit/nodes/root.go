package nodes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// RootVariable names the environment variable with the directory whose programs the servers are, such as a Debian root
// that scripts/deps.sh has made. The value / means the programs of the machine itself. When the variable is empty and
// this program runs as root, the servers are those of NewestRoot, if it exists.
const RootVariable = "RESTANTE_TEST_ROOT"

// NewestRoot is the directory in which scripts/deps.sh keeps the newest versions of the servers.
const NewestRoot = "/var/cache/restante-servers/forky"

// root is a directory whose programs are run as if it was the root of the file system. "/" is the machine itself.
type root string

// chosenRoot returns the root that the environment names, or the default.
func chosenRoot() (root, error) {
	chosen := os.Getenv(RootVariable)
	if chosen == "" {
		chosen = NewestRoot
		if _, err := os.Stat(NewestRoot); (err != nil || os.Getuid() != 0) && os.Getenv("CI") != "true" { // CI must not test older servers silently
			chosen = "/"
		}
	}
	chosen = filepath.Clean(chosen)
	if chosen == "/" {
		return "/", nil
	}
	if _, err := os.Stat(filepath.Join(chosen, "bin/sh")); err != nil {
		return "", fmt.Errorf("the root %s of %s: %w", chosen, RootVariable, ErrMissing)
	}
	if os.Getuid() != 0 {
		return "", fmt.Errorf("%s=%s needs the rights of root", RootVariable, chosen)
	}
	return root(chosen), nil
}

// Versions says which RabbitMQ and PostgreSQL the Start functions of this package start, and from which root.
func Versions(ctx context.Context) (string, error) {
	r, err := chosenRoot()
	if err != nil {
		return "", err
	}
	rabbit, err := r.rabbitVersion()
	if err != nil {
		return "", err
	}
	bin, err := r.postgresPrograms()
	if err != nil {
		return "", err
	}
	out, err := r.command(ctx, os.TempDir(), nil, bin+"/postgres", "--version").Output()
	if err != nil {
		return "", fmt.Errorf("version of PostgreSQL in %s: %w", r, err)
	}
	_, postgres, _ := strings.Cut(strings.TrimSpace(string(out)), ") ") // postgres (PostgreSQL) 15.18 (Debian …)
	return fmt.Sprintf("RabbitMQ %s and PostgreSQL %s, root directory %s", rabbit, postgres, r), nil
}

// rabbitVersion returns the version of the root's RabbitMQ.
func (r root) rabbitVersion() (string, error) {
	const prefix = "/usr/lib/rabbitmq/lib/rabbitmq_server-"
	found := r.glob(prefix + "*")
	if len(found) == 0 {
		return "", fmt.Errorf("RabbitMQ (package rabbitmq-server) in %s: %w", r, ErrMissing)
	}
	return strings.TrimPrefix(slices.Max(found), prefix), nil
}

// glob returns the paths inside the root that match a pattern, in the order of their names.
func (r root) glob(pattern string) []string {
	found, _ := filepath.Glob(filepath.Join(string(r), pattern)) // the patterns are constants of this package, and valid
	for i, path := range found {
		found[i] = "/" + strings.TrimPrefix(strings.TrimPrefix(path, string(r)), "/")
	}
	return found
}

// enterScript gives a program the file systems of the machine that it needs, and the temporary directory at the same
// path as outside. The mounts belong to a mount namespace of the program alone, and end with it. Every step replaces
// the process by the next one, so that the id of the process is that of the program.
const enterScript = `
root=$1 temporary=$2 dir=$3 user=$4; shift 4
mount --rbind /proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount --bind /tmp "$root/tmp"
if ! [ "$temporary" -ef "$root$temporary" ]; then
  mkdir -p "$root$temporary"
  mount --bind "$temporary" "$root$temporary"
fi
exec chroot --userspec="$user" --groups= "$root" /usr/bin/env -C "$dir" "$@"`

// command returns a command that runs a program of the root in the directory dir, which is below the temporary
// directory, as the user as; nil is the user who runs this program.
func (r root) command(ctx context.Context, dir string, as *syscall.Credential, program string, args ...string) *exec.Cmd {
	if r == "/" {
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Dir = dir
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		return cmd
	}
	user := "0:0"
	if as != nil {
		user = fmt.Sprintf("%d:%d", as.Uid, as.Gid)
	}
	enter := []string{"--mount", "--propagation", "slave", "/bin/sh", "-euc", enterScript, "enter", string(r), filepath.Clean(os.TempDir()), dir, user, program}
	cmd := exec.CommandContext(ctx, "unshare", append(enter, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	return cmd
}

// unprivileged returns the user to run PostgreSQL as when this program runs as root, because PostgreSQL refuses to run
// as root. The root's own names of users count.
func (r root) unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	text, err := os.ReadFile(filepath.Join(string(r), "etc/passwd"))
	for _, name := range []string{"postgres", "nobody"} {
		for line := range strings.Lines(string(text)) {
			fields := strings.Split(line, ":")
			if fields[0] != name || len(fields) < 4 {
				continue
			}
			uid, uidErr := strconv.ParseUint(fields[2], 10, 32)
			gid, gidErr := strconv.ParseUint(fields[3], 10, 32)
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(uidErr, gidErr)
		}
	}
	return nil, errors.Join(fmt.Errorf("no user to run PostgreSQL as in %s", r), err)
}
