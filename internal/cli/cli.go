// Package cli is the command line: a server (serve), two clients of its HTTP API (send, tail), and tools. Each command
// is one file with a struct of flags and a Run method.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/mattn/go-isatty"

	"restante/internal/config"
	"restante/internal/load"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // the command failed, or the server refused the request
	exitUsage       = 2   // the command line is wrong
	exitUnavailable = 3   // the server could not be reached, or could not accept the message, within the time limit
	exitInterrupted = 130 // a signal came before the command was done
)

type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run a server."`
	Send    sendCmd    `cmd:"" help:"Send messages to a room."`
	Tail    tailCmd    `cmd:"" help:"Follow the messages of a room."`
	Bench   benchCmd   `cmd:"" help:"Measure a server, and check that it keeps its promises."`
	Token   tokenCmd   `cmd:"" help:"Make a token for a client."`
	Revoke  revokeCmd  `cmd:"" help:"End tokens before their time, on every node."`
	Health  healthCmd  `cmd:"" help:"Ask a server whether it is ready."`
	Dead    deadCmd    `cmd:"" help:"List, show, replay or remove dead letters: messages that could not be stored."`
	Broker  brokerCmd  `cmd:"" help:"Look at the RabbitMQ between the nodes, set its policy, or change the number of partitions."`
	Backup  backupCmd  `cmd:"" help:"Back up the data of one machine, while its server runs."`
	Restore restoreCmd `cmd:"" help:"Put a backup in the place of the data of one machine."`
	Copy    copyCmd    `cmd:"" help:"Copy all messages from one store to another, such as from SQLite to PostgreSQL."`
	Migrate migrateCmd `cmd:"" help:"Create or update the tables of a store, as a server does when it starts."`
	Version versionCmd `cmd:"" help:"Print the version of this program."`
}

const description = `A group-messaging server that keeps what it has accepted: every member gets every message, in one order, once, however long they were away.

Begin with

  restante serve                  in one terminal,
  restante tail                   in a second one, and
  restante send "Hello, everyone" in a third.

'restante COMMAND --help' explains each command. A DURATION has units: 10s, 90m, 24h, 2d, 1w or 1d12h; a day is 24 hours. It is the same on the command line, in the environment and in a configuration file.`

// streams are the standard streams of a command. Tests replace them.
type streams struct {
	in       io.Reader
	out, err io.Writer
	end      func() // writes what still waits for err; nil: nothing does
}

// Main runs one command line, given without the program's name, and returns the exit code of the process. It blocks
// until the command is done; the command stops when ctx ends.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	exited := -1 // set when kong has printed the help: kong continues parsing nevertheless
	parser, err := kong.New(new(commands),
		config.Values(),
		kong.Name("restante"), kong.Description(description), kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.Vars{"scenarios": strings.Join(load.Scenarios(), ", ")},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 120}),
	)
	if err != nil {
		return report(stderr, fmt.Errorf("command line: %w", err))
	}
	command, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		return report(stderr, &exitError{exitUsage, fmt.Errorf("%w\nTry 'restante --help', or 'restante COMMAND --help'", withoutInput(err, args))})
	}
	command.BindTo(ctx, (*context.Context)(nil))
	s := &streams{in: stdin, out: stdout, err: stderr}
	err = command.Run(s)
	if s.end != nil {
		defer s.end()
	}
	if errors.Is(err, syscall.EPIPE) {
		return exitOK // the reader of the output has closed it, as in `restante tail | head`
	}
	return report(s.err, err)
}

// userName returns the name of the user who runs the command, or "" when it is unknown.
func userName() string {
	if name := os.Getenv("USER"); name != "" {
		return name
	}
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

// exitError is an error that sets the exit code.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// report prints a command's error, if any, and returns the exit code for it. What others wrote may be part of the error.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "restante: %s\n", printableLines(err.Error()))
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return exitFailed
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
