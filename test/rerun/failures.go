package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// most is how many failing tests are run again. More than these are no flakes.
const most = 3

// failure is a test of the first level that failed.
type failure struct{ pkg, name, output string }

var (
	// packageLine ends what go test prints of a package: its result, its name, and a reason when it could not be tested.
	packageLine = regexp.MustCompile(`(?m)^(ok  |FAIL|\?   )\t(\S+)(?:[ \t].*)?$`)
	// failedTest begins what a failed test of the first level has logged. Lines of subtests are indented.
	failedTest = regexp.MustCompile(`(?m)^--- FAIL: (\S+) \(.*$`)
	// nextTest begins what does not belong to the test before it.
	nextTest = regexp.MustCompile(`(?m)^(--- |=== |FAIL$|PASS$|exit status )`)
	// crash is a line of a process that ended in the middle. The tests behind it have not run.
	crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |signal: |unexpected fault address).*$`)
)

// failures returns the tests that failed in a run of go test. It is an error if they are too many, or if they are not all
// that failed: then running them again proves nothing.
func failures(printed string) (tests []failure, err error) {
	begin := 0
	for _, at := range packageLine.FindAllStringSubmatchIndex(printed, -1) {
		text, result, pkg := printed[begin:at[0]], printed[at[2]:at[3]], printed[at[4]:at[5]]
		begin = at[1]
		if result != "FAIL" {
			continue
		}
		found := named(text)
		if line := crash.FindString(text); line != "" {
			return nil, fmt.Errorf("%s ended in the middle: %s", pkg, line)
		}
		if len(found) == 0 {
			return nil, fmt.Errorf("%s failed without a test that did", pkg)
		}
		for _, test := range found {
			test.pkg = pkg
			tests = append(tests, test)
		}
	}
	switch {
	case len(tests) == 0:
		return nil, errors.New("no test that failed is named")
	case len(tests) > most:
		return nil, fmt.Errorf("%d tests failed, more than %d", len(tests), most)
	}
	return tests, nil
}

// named returns the tests that failed in what one package has printed.
func named(text string) (tests []failure) {
	for _, at := range failedTest.FindAllStringSubmatchIndex(text, -1) {
		output := text[at[0]:]
		if next := nextTest.FindStringIndex(text[at[1]:]); next != nil {
			output = text[at[0] : at[1]+next[0]]
		}
		tests = append(tests, failure{name: text[at[2]:at[3]], output: strings.TrimRight(output, "\n") + "\n"})
	}
	return tests
}
