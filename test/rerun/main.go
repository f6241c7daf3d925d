// Command rerun runs `go test`, shows what it prints, keeps that in a log, and ends as it does. With -again, up to three
// tests that failed are run once more, by name, so that one flake does not cost a whole run:
//
//	rerun -again -log .cache/unit.log -- -race -timeout=15m ./internal/...
//
// Flags of go test are written with an equals sign; everything else behind the two dashes is a package.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// errFailed means that tests have failed, which the output of go test has said already.
var errFailed = errors.New("tests failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	switch {
	case errors.Is(err, errFailed):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "rerun:", err)
		os.Exit(2)
	}
}

// run is the command with its arguments. Tests that failed first and passed then are written to LOG.flaky.
func run(ctx context.Context, args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("rerun", flag.ContinueOnError)
	again := flags.Bool("again", false, "run up to three failing tests once more")
	keep := flags.Bool("append", false, "add to the log instead of beginning it anew")
	path := flags.String("log", "", "file for what go test prints")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *path == "" || flags.NArg() == 0 {
		return errors.New("usage: rerun [-again] [-append] -log FILE -- ARGUMENT…")
	}
	log, err := open(*path, *keep)
	if err != nil {
		return err
	}
	defer log.Close()
	flaky, err := open(*path+".flaky", *keep)
	if err != nil {
		return err
	}
	defer flaky.Close()
	return step{command: split(flags.Args()), again: *again, out: io.MultiWriter(stdout, log), flaky: flaky}.run(ctx)
}

// open opens a file for writing, at its end or anew.
func open(path string, atEnd bool) (*os.File, error) {
	mode := os.O_TRUNC
	if atEnd {
		mode = os.O_APPEND
	}
	return os.OpenFile(path, os.O_CREATE|os.O_WRONLY|mode, 0o600)
}
