package cert_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"restante/internal/cert"
)

const interval = 2 * time.Second // the interval between two checks of the files

// advance lets d of fake time pass, and waits until everything due has happened.
func advance(d time.Duration) {
	time.Sleep(d) // fake time
	synctest.Wait()
}

// run runs a source until the test ends.
func run(t *testing.T, s *cert.Source) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error("run:", err)
		}
	})
}

// served returns the common name of the certificate in a handshake, or the client's error.
func served(t *testing.T, s *cert.Source, client *tls.Config) string {
	t.Helper()
	leaf, err := handshake(t, s, client)
	if err != nil {
		return "error: " + err.Error()
	}
	return leaf.Subject.CommonName
}

// handshake returns the certificate that a client gets. The client accepts any certificate.
func handshake(t *testing.T, s *cert.Source, client *tls.Config) (*x509.Certificate, error) {
	t.Helper()
	there, here := net.Pipe()
	var serving sync.WaitGroup
	defer serving.Wait()
	serving.Go(func() { _ = tls.Server(there, s.TLSConfig()).HandshakeContext(t.Context()); there.Close() })
	if client == nil {
		client = &tls.Config{ServerName: domain}
	}
	client.InsecureSkipVerify = true
	conn := tls.Client(here, client)
	defer here.Close()
	if err := conn.HandshakeContext(t.Context()); err != nil {
		return nil, err
	}
	return conn.ConnectionState().PeerCertificates[0], nil
}

func TestSource_UsesNewFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFiles(t)
		files.write(newPair(t, "first", year))
		s, logged, metrics := open(t, files.config())
		if got := served(t, s, nil); got != "first" {
			t.Fatal("before Run:", got)
		}
		run(t, s)
		advance(interval)
		files.write(newPair(t, "second", 2*year))
		advance(interval)
		if got := served(t, s, nil); got != "second" {
			t.Error("after a change:", got)
		}
		if got, want := metrics.expires(), float64(time.Now().Add(2*year-interval).Unix()); got != want {
			t.Errorf("the metric says that it ends at %v, want %v", got, want)
		}
		if logged.count("INFO certificate in use") != 2 || logged.count("WARN") > 0 || metrics.failures() != 0 {
			t.Errorf("%v failures, log:\n%s", metrics.failures(), logged)
		}
	})
}

func TestSource_ANewKeyIsAChangeToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFiles(t)
		first, second := newPair(t, "first", year), newPair(t, "second", year)
		files.write(first)
		s, logged, metrics := open(t, files.config())
		run(t, s)
		advance(interval)

		write(t, files.cert, second.cert) // the key follows after a check
		advance(interval)
		if got := served(t, s, nil); got != "first" {
			t.Error("between the two files:", got)
		}
		write(t, files.key, second.key)
		advance(interval)
		if got := served(t, s, nil); got != "second" {
			t.Error("after both:", got)
		}
		if logged.count("WARN") > 0 || metrics.failures() != 0 {
			t.Errorf("two files that were replaced one after the other are a failure:\n%s", logged)
		}
	})
}

func TestSource_KeepsTheOldPairWhileTheNewOneIsBroken(t *testing.T) {
	first, second := newPair(t, "first", year), newPair(t, "second", year)
	for name, breaks := range map[string]func(files *files){
		"not PEM":      func(f *files) { write(f.t, f.cert, []byte("nothing")) },
		"half of it":   func(f *files) { write(f.t, f.cert, second.cert[:len(second.cert)/2]) },
		"another key":  func(f *files) { write(f.t, f.key, second.key) },
		"empty key":    func(f *files) { write(f.t, f.key, nil) },
		"no cert":      func(f *files) { remove(f.t, f.cert) },
		"no key":       func(f *files) { remove(f.t, f.key) },
		"nothing":      func(f *files) { remove(f.t, f.cert); remove(f.t, f.key) },
		"a directory":  func(f *files) { remove(f.t, f.cert); mkdir(f.t, f.cert) },
		"a dead link":  func(f *files) { remove(f.t, f.key); link(f.t, "nowhere", f.key) },
		"the wrong id": func(f *files) { f.write(pair{second.cert, first.key}) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				files := newFiles(t)
				files.write(first)
				s, logged, metrics := open(t, files.config())
				run(t, s)
				advance(interval)

				breaks(files)
				advance(100 * interval)
				if got := served(t, s, nil); got != "first" {
					t.Error("while the files are broken:", got)
				}
				if logged.count("WARN no new certificate") != 1 || metrics.failures() != 1 {
					t.Errorf("%v failures, want 1 and one line:\n%s", metrics.failures(), logged)
				}
				if strings.Contains(logged.String(), "PRIVATE") {
					t.Errorf("the log shows the key:\n%s", logged)
				}

				_ = os.Remove(files.cert)
				files.write(second)
				advance(2 * interval)
				if got := served(t, s, nil); got != "second" {
					t.Error("after they are repaired:", got)
				}
			})
		})
	}
}

// Kubernetes replaces the files of a secret like this: they are links to links, and only the link in between changes.
func TestSource_FollowsLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		for _, version := range []string{"first", "second"} {
			mkdir(t, filepath.Join(dir, version))
			p := newPair(t, version, year)
			write(t, filepath.Join(dir, version, "tls.crt"), p.cert)
			write(t, filepath.Join(dir, version, "tls.key"), p.key)
			for _, file := range []string{"tls.crt", "tls.key"} { // both pairs have the same times, and about the same sizes
				if err := os.Chtimes(filepath.Join(dir, version, file), time.Now(), time.Now()); err != nil {
					t.Fatal(err)
				}
			}
		}
		link(t, "first", filepath.Join(dir, "..data"))
		link(t, "..data/tls.crt", filepath.Join(dir, "tls.crt"))
		link(t, "..data/tls.key", filepath.Join(dir, "tls.key"))
		s, _, _ := open(t, cert.Config{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")})
		run(t, s)
		advance(interval)

		link(t, "second", filepath.Join(dir, "..data_tmp"))
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
		advance(interval)
		if got := served(t, s, nil); got != "second" {
			t.Error("after the link was turned:", got)
		}
	})
}

// Some programs write over the files instead of replacing them. These have the same size as before, or the same time.
func TestSource_DetectsOverwrittenFiles(t *testing.T) {
	over := func(t *testing.T, path string, content []byte, size int) {
		t.Helper()
		if err := os.WriteFile(path, append(content, make([]byte, size-len(content))...), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tc := range map[string]struct {
		size int
		keep bool // keep the time of the last change
	}{"as long": {2000, false}, "as old": {3000, true}} {
		synctest.Test(t, func(t *testing.T) {
			files := newFiles(t)
			first, second := newPair(t, "first", year), newPair(t, "second", year)
			over(t, files.cert, first.cert, 2000)
			over(t, files.key, first.key, 2000)
			long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
			for _, path := range []string{files.cert, files.key} {
				if err := os.Chtimes(path, long, long); err != nil {
					t.Fatal(err)
				}
			}
			s, _, _ := open(t, files.config())
			run(t, s)
			advance(interval)
			over(t, files.cert, second.cert, tc.size)
			over(t, files.key, second.key, tc.size)
			if tc.keep {
				for _, path := range []string{files.cert, files.key} {
					if err := os.Chtimes(path, long, long); err != nil {
						t.Fatal(err)
					}
				}
			}
			advance(interval)
			if got := served(t, s, nil); got != "second" {
				t.Errorf("%s: %s", name, got)
			}
		})
	}
}

func TestSource_HandshakesGoOnDuringAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFiles(t)
		pairs := []pair{newPair(t, "first", year), newPair(t, "second", year)}
		files.write(pairs[0])
		s, _, _ := open(t, files.config())
		run(t, s)
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				for range 20 {
					if got := served(t, s, nil); got != "first" && got != "second" {
						t.Error(got)
					}
					time.Sleep(interval / 4) // fake time
				}
			})
		}
		for i := range 5 {
			advance(interval)
			files.write(pairs[(i+1)%2])
		}
		clients.Wait()
	})
}

func TestSource_WarnsOfACertificateThatIsNotRenewed(t *testing.T) {
	const day = 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		for lifetime, first := range map[time.Duration]time.Duration{ // of 90 days: after 76; of 4 days: after 3
			90 * day: 76 * day, 4 * day: 3 * day,
		} {
			files := newFiles(t)
			files.write(newPairSince(t, "old", time.Now().Add(time.Hour-first), lifetime))
			s, logged, _ := open(t, files.config())
			run(t, s)
			const line = "WARN the certificate ends soon and has not been renewed"
			advance(time.Hour - time.Minute)
			if logged.count(line) != 0 {
				t.Errorf("of %v: warned too early", lifetime)
			}
			advance(2 * time.Minute)
			if logged.count(line) != 1 {
				t.Errorf("of %v: %d warnings when a %v is left, want 1", lifetime, logged.count(line), lifetime-first)
			}
			advance(day - time.Hour)
			if logged.count(line) != 1 {
				t.Errorf("of %v: warned more than once a day", lifetime)
			}
			advance(2 * time.Hour)
			if logged.count(line) != 2 {
				t.Errorf("of %v: %d warnings on the second day, want 2", lifetime, logged.count(line))
			}
			files.write(newPair(t, "new", lifetime))
			advance(25 * time.Hour)
			if logged.count(line) != 2 {
				t.Errorf("of %v: warned about the new certificate", lifetime)
			}
		}
	})
}

func TestOpen_SaysWhichFileIsAtFault(t *testing.T) {
	files := newFiles(t)
	p := newPair(t, "first", year)
	files.write(p)
	missing := filepath.Join(t.TempDir(), "none.pem")
	write(t, filepath.Join(t.TempDir(), "file"), nil)
	for name, tc := range map[string]struct {
		cfg  cert.Config
		want string
	}{
		"no certificate":   {cert.Config{Cert: missing, Key: files.key}, "none.pem: no such file"},
		"no key":           {cert.Config{Cert: files.cert, Key: missing}, "none.pem: no such file"},
		"exchanged":        {cert.Config{Cert: files.key, Key: files.cert}, files.key},
		"no directory":     {cert.Config{Domains: []string{"a.example"}, Cache: filepath.Join(files.cert, "acme")}, "directory for certificates: "},
		"no file is named": {cert.Config{}, "read certificate"},
	} {
		if _, err := cert.Open(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %q", name, err, tc.want)
		} else if strings.Contains(err.Error(), "PRIVATE KEY-") {
			t.Errorf("%s: the error shows the key: %v", name, err)
		}
	}
}

func TestSource_TLSConfig(t *testing.T) {
	files := newFiles(t)
	files.write(newPair(t, "first", year))
	s, _, _ := open(t, files.config())
	for name, tc := range map[string]struct {
		client *tls.Config
		want   string
	}{
		"TLS 1.1":                      {&tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, "error: remote error: tls: protocol version not supported"},
		"TLS 1.2":                      {&tls.Config{MaxVersion: tls.VersionTLS12}, "first"},
		"TLS 1.3":                      {&tls.Config{MinVersion: tls.VersionTLS13}, "first"},
		"by address":                   {&tls.Config{ServerName: "127.0.0.1"}, "first"},
		"another name":                 {&tls.Config{ServerName: "other.example.org"}, "first"},
		"an unknown protocol":          {&tls.Config{NextProtos: []string{"imap"}}, "error: remote error: tls: no application protocol"},
		"a challenge without an order": {&tls.Config{NextProtos: []string{"acme-tls/1"}}, "error: remote error: tls: internal error"},
	} {
		if got := served(t, s, tc.client); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// A client that has only suites with CBC, or without keys that are forgotten, is refused; one with an AEAD suite of TLS 1.2 is not.
func TestSource_TakesAEADSuitesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := newFiles(t)
		files.write(newPair(t, "only", year))
		s, _, _ := open(t, files.config())
		for suite, want := range map[uint16]bool{
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: true, tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: true,
			tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: true,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA:          false, tls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: false,
			tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: false,
		} {
			_, err := handshake(t, s, &tls.Config{ServerName: domain, MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
			if (err == nil) != want {
				t.Errorf("%s: %v", tls.CipherSuiteName(suite), err)
			}
		}
		for _, suite := range s.TLSConfig().CipherSuites {
			if name := tls.CipherSuiteName(suite); !strings.Contains(name, "ECDHE") || !strings.Contains(name, "GCM") && !strings.Contains(name, "POLY1305") {
				t.Errorf("%s is offered", name)
			}
		}
	})
}
