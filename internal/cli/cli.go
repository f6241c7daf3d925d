// Package cli is the command line: a server (serve), two clients of its HTTP API (send, tail) and the tools around
// them. Each command is one file, a struct of flags with a Run method.
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

	"restante/internal/load"
)

// The exit codes.
const (
	exitOK          = 0
	exitFailed      = 1   // the command could not do its work; the server refused the request
	exitUsage       = 2   // the command line makes no sense
	exitUnavailable = 3   // the server could not be reached, or could not take the message, until the time ran out
	exitInterrupted = 130 // a signal came before the work was done
)

type commands struct {
	Serve   serveCmd   `cmd:"" help:"Run a server."`
	Send    sendCmd    `cmd:"" help:"Send messages to a room."`
	Tail    tailCmd    `cmd:"" help:"Follow the messages of a room."`
	Bench   benchCmd   `cmd:"" help:"Measure a server, and check that it keeps its promises."`
	Token   tokenCmd   `cmd:"" help:"Make a token for a client."`
	Health  healthCmd  `cmd:"" help:"Ask whether a server is ready."`
	Dead    deadCmd    `cmd:"" help:"Look after the messages that could not be stored."`
	Copy    copyCmd    `cmd:"" help:"Copy everything from one store to another, such as from SQLite to PostgreSQL."`
	Migrate migrateCmd `cmd:"" help:"Bring the tables of a store up to date, as a server does when it starts."`
	Version versionCmd `cmd:"" help:"Print which build this is."`
}

const description = `A group-messaging server that keeps what it has accepted: every member gets every message, in one order, once, however long they were away.

Begin with

  restante serve                  in one terminal,
  restante tail                   in a second one, and
  restante send "Hello, everyone" in a third.

'restante COMMAND --help' explains each.`

// streams are the command's own, so that a test can bring others.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// Main runs one command line, without the program's name, and returns the exit code of the process. It blocks until the
// command is done; the end of ctx asks it to stop.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		args = []string{"--help"}
	}
	exited := -1 // set when kong has printed the help: it goes on parsing all the same
	parser, err := kong.New(new(commands),
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
		return report(stderr, &exitError{exitUsage, fmt.Errorf("%w\nTry 'restante --help', or 'restante COMMAND --help'", err)})
	}
	command.BindTo(ctx, (*context.Context)(nil))
	err = command.Run(&streams{stdin, stdout, stderr})
	if errors.Is(err, syscall.EPIPE) {
		return exitOK // whoever read the output has had enough, as in `restante tail | head`
	}
	return report(stderr, err)
}

// userName returns the name of whoever runs the command, "" when it has none.
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

// exitError is an error with an exit code of its own.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// report prints a command's error, if there is one, and returns the exit code that goes with it.
func report(stderr io.Writer, err error) int {
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "restante: %v\n", err)
	if e, ok := errors.AsType[*exitError](err); ok {
		return e.code
	}
	return exitFailed
}

// isTerminal reports whether a stream is a terminal that a person looks at.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
