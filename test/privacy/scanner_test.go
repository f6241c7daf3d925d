package privacy

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"restante/internal/testkit"
)

// kind is something that no log, metric or error may contain, and how to recognize it.
type kind struct {
	what    string
	hint    string         // a part of every such line, because most lines need no closer check
	pattern *regexp.Regexp // nil: the hint is enough
}

// kinds are the kinds that can be recognized in a single line. Connection tokens, which are random, are recognized by
// the connections that they have opened: see scanner.found.
var kinds = []kind{
	{what: "a token", hint: "eyJ", pattern: regexp.MustCompile(`\beyJ[\w-]{8,}\.`)}, // base64 of {": header and dot
	{what: "a token's value", hint: "earer ", pattern: regexp.MustCompile(`\b[Bb]earer [\w.~+/-]{16,}`)},
	{what: "a token in a query", hint: "access_token=", pattern: regexp.MustCompile(`access_token=[^\s"&]`)},
	{what: "a message in a query", hint: "msg=", pattern: regexp.MustCompile(`(?:[?&]|\\u0026)msg=`)},
	{what: "a connection token in a query", hint: "id=", pattern: regexp.MustCompile(`(?:[?&]|\\u0026)id=(?:[a-z0-9]+\.)?[\w-]{22}\b`)},
	{what: "a connection token by its name", hint: "onnectionToken", pattern: regexp.MustCompile(`\b[cC]onnectionToken\b`)},
	{what: "a message", hint: testkit.Private},
	{what: "a message in hex", hint: hex.EncodeToString([]byte(testkit.Private))},
	{what: "a message in base64", hint: base64.RawStdEncoding.EncodeToString([]byte(testkit.Private))},
	{what: "a message of the load generator", hint: "t=", pattern: regexp.MustCompile(`\bt=\d{19}\b`)}, // load.TimedText
	{what: "a message of the load generator", hint: "0123456789abcdefghijklmno"},                       // its padding
	{what: "a data race", hint: "DATA RACE"},                                                           // the test that caused it searches only the newest part of the log
}

// scanner reads the output of servers line by line, so that its size does not matter.
type scanner struct {
	leaks []string // position and kind, but not the secret itself

	debug       int               // number of log lines at level debug
	metrics     int               // number of lines of metrics
	audit       int               // number of lines of audit logs
	connections map[string]bool   // ids of connections in the log
	words       map[string]string // words in the form of a connection token, and where each was first
}

func newScanner() *scanner {
	return &scanner{connections: map[string]bool{}, words: map[string]string{}}
}

// scan reads a file to its end.
func (s *scanner) scan(name string, r io.Reader) error {
	lines := bufio.NewReaderSize(r, 1<<20)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			s.line(fmt.Sprintf("%s:%d", name, n), line)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
}

var connectionID = regexp.MustCompile(`\bconnection(?:":"|=)([\w-]{22})(?:[^\w-]|$)`)

func (s *scanner) line(where string, line []byte) {
	for _, k := range kinds {
		if bytes.Contains(line, []byte(k.hint)) && (k.pattern == nil || k.pattern.Match(line)) {
			s.leaks = append(s.leaks, where+": "+k.what)
		}
	}
	if bytes.Contains(line, []byte(`"level":"DEBUG"`)) {
		s.debug++
	}
	if bytes.Contains(line, []byte(`"audit":true`)) {
		s.audit++
	}
	if bytes.HasPrefix(line, []byte("restante_")) {
		s.metrics++
	}
	if m := connectionID.FindSubmatch(line); m != nil {
		s.connections[string(m[1])] = true
	}
	for word := range bytes.FieldsFuncSeq(line, notInTokens) {
		s.word(where, bytes.Trim(word, "."))
	}
}

func notInTokens(c rune) bool {
	return c != '.' && c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
}

// word keeps a word that may be a connection token: 22 characters, with or without the name of a node and a dot before
// them.
func (s *scanner) word(where string, word []byte) {
	node := bytes.LastIndexByte(word, '.')
	if len(word)-node-1 != 22 {
		return
	}
	if node >= 0 {
		word = word[bytes.LastIndexByte(word[:node], '.')+1:]
	}
	if _, known := s.words[string(word)]; !known {
		s.words[string(word)] = where
	}
}

// found returns all leaks, when everything is read. They include connection tokens: a word is one if its hash is the
// public id of a connection.
func (s *scanner) found() []string {
	leaks := slices.Clone(s.leaks)
	for word, where := range s.words {
		sum := sha256.Sum256([]byte(word))
		if s.connections[base64.RawURLEncoding.EncodeToString(sum[:16])] {
			leaks = append(leaks, where+": a connection token")
		}
	}
	slices.Sort(leaks)
	return leaks
}
