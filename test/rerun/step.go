package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
)

// command is one of go test: its flags and the packages that it tests.
type command struct{ flags, packages []string }

// split tells the flags of go test from the packages.
func split(args []string) (c command) {
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			c.flags = append(c.flags, arg)
		} else {
			c.packages = append(c.packages, arg)
		}
	}
	return c
}

// only returns the command for some tests of one package. It is verbose, so that each test says that it has passed.
func (c command) only(pkg string, names []string) command {
	flags := append([]string{}, c.flags...) // the last -run and the last -count are the ones that count
	return command{append(flags, "-count=1", "-v", "-run=^("+strings.Join(names, "|")+")$"), []string{pkg}}
}

// run runs the command and returns what it has printed, which goes to out as it comes. It fails as go test does.
func (c command) run(ctx context.Context, out io.Writer) (string, error) {
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"test"}, c.flags...), c.packages...)...)
	// go test waits for its tests when it is interrupted, so the signal goes to all processes of the group.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	var kept bytes.Buffer
	both := io.MultiWriter(out, &kept)
	cmd.Stdout, cmd.Stderr = both, both // one writer for both, so that os/exec never calls it concurrently
	err := cmd.Run()
	if _, failed := errors.AsType[*exec.ExitError](err); failed && ctx.Err() == nil {
		err = errFailed
	}
	return kept.String(), err
}

// step is one run of go test with what follows from it.
type step struct {
	command command
	again   bool
	out     io.Writer
	flaky   io.Writer // gets the tests that failed first and passed then
}

// run runs the step. The tests that are run again get the same flags and the same environment.
func (s step) run(ctx context.Context) error {
	printed, err := s.command.run(ctx, s.out)
	if !errors.Is(err, errFailed) || !s.again {
		return err
	}
	tests, err := failures(printed)
	if err != nil {
		fmt.Fprintln(s.out, "not run again:", err)
		return errFailed
	}
	names := map[string][]string{} // of the tests, by package
	var packages []string          // in the order in which they failed
	for _, test := range tests {
		if names[test.pkg] == nil {
			packages = append(packages, test.pkg)
		}
		names[test.pkg] = append(names[test.pkg], test.name)
	}
	second := map[string]string{} // what each package printed the second time, "" if the package failed as a whole
	for _, pkg := range packages {
		fmt.Fprintf(s.out, "\nonce more: %s (%s)\n", strings.Join(names[pkg], ", "), pkg)
		text, err := s.command.only(pkg, names[pkg]).run(ctx, s.out)
		if err != nil && !errors.Is(err, errFailed) {
			return err
		}
		if err == nil || len(named(text)) > 0 {
			second[pkg] = text
		}
	}
	return s.judge(tests, second)
}

// judge says which tests are flaky and which failed twice. A test passes the second time only when go test says so: one
// that was skipped, or did not run, has not passed.
func (s step) judge(tests []failure, second map[string]string) (err error) {
	for _, test := range tests {
		if !regexp.MustCompile(`(?m)^--- PASS: ` + regexp.QuoteMeta(test.name) + ` \(`).MatchString(second[test.pkg]) {
			fmt.Fprintf(s.out, "FAILED TWICE %s (%s)\n", test.name, test.pkg)
			err = errFailed
			continue
		}
		fmt.Fprintf(s.out, "FLAKY %s (%s)\n", test.name, test.pkg)
		if _, err := fmt.Fprintf(s.flaky, "FLAKY %s (%s)\n%s", test.name, test.pkg, test.output); err != nil {
			return err
		}
	}
	return err
}
