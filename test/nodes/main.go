// Command nodes starts a private RabbitMQ and a private PostgreSQL, sets the environment variables of `restante` to
// their addresses, and runs a command, or waits for Ctrl-C. It ends the servers with the command, and leaves nothing
// behind:
//
//	go run ./test/nodes -- bin/restante serve
//	go run ./test/nodes -rabbitmq-nodes 3 -- bin/restante bench --scenario publish,alone
//
// RESTANTE_TEST_ROOT chooses their versions: the root directory in which their programs are.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"restante/internal/testkit/nodes"
)

func main() {
	size := flag.Int("rabbitmq-nodes", 1, "nodes of the RabbitMQ cluster")
	versions := flag.Bool("versions", false, "print which servers would be started, and end")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: nodes [-versions] [-rabbitmq-nodes N] [--] [COMMAND ARGUMENT…]")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *versions {
		err = printVersions(ctx)
	} else {
		err = run(ctx, *size, flag.Args())
	}
	stop()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nodes:", err)
		os.Exit(1)
	}
}

// printVersions prints one line. Servers that are missing are no error: the tests that need them say more.
func printVersions(ctx context.Context) error {
	text, err := nodes.Versions(ctx)
	switch {
	case errors.Is(err, nodes.ErrMissing):
		fmt.Fprintln(os.Stdout, "MISSING:", err)
		return nil
	case err != nil:
		return err
	}
	fmt.Fprintln(os.Stdout, "servers:", text)
	return nil
}

func run(ctx context.Context, size int, command []string) error {
	terminated, stop := signal.NotifyContext(context.WithoutCancel(ctx), syscall.SIGTERM)
	defer stop()
	fmt.Fprintln(os.Stderr, "starting RabbitMQ and PostgreSQL, about ten seconds")
	rabbit, err := nodes.StartRabbitMQ(ctx, nodes.RabbitMQConfig{Nodes: size})
	if err != nil {
		return err
	}
	defer rabbit.Stop()
	postgres, err := nodes.StartPostgres(ctx, nodes.PostgresConfig{})
	if err != nil {
		return err
	}
	defer postgres.Stop()
	store, err := postgres.Database(ctx, "restante")
	if err != nil {
		return err
	}
	broker := strings.Join(rabbit.URLs(), ",")
	fmt.Fprintf(os.Stderr, "RABBITMQ    %s, nodes: %d; management page %s (guest, guest)\n", rabbit.Version(ctx), size, rabbit.Node(0).ManagementURL())
	fmt.Fprintf(os.Stderr, "POSTGRESQL  %s\n", postgres.Version(ctx))
	fmt.Fprintf(os.Stderr, "RESTANTE_BROKER=%s\nRESTANTE_STORE=%s\n", broker, store)
	if len(command) == 0 {
		<-ctx.Done()
		return nil
	}
	cmd := exec.Command(command[0], command[1:]...) //nolint:noctx // it gets a signal, and the program waits for its end
	cmd.Env = append(os.Environ(), "RESTANTE_BROKER="+broker, "RESTANTE_STORE="+store)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	// A Ctrl-C reaches the command from the terminal, and a second signal ends `restante` at once.
	defer context.AfterFunc(terminated, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })()
	return cmd.Wait()
}
