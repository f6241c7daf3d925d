package cert

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

type issuerFunc func(hello *tls.ClientHelloInfo) (*tls.Certificate, error)

func (f issuerFunc) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f(hello)
}

func newLeaf(t *testing.T, serial int64) *tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: time.Now(), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// source returns a source whose certificates come from get, and a function that ends its Run and returns its log.
func source(t *testing.T, domains []string, get issuerFunc) (*Source, func() string) {
	var log bytes.Buffer
	s, err := Open(Config{Domains: domains, Cache: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	s.provider = newAuthority(domains, get)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() string {
		cancel()
		if err := <-done; err != nil {
			t.Error("run:", err)
		}
		return log.String()
	}
}

func TestAuthority_PausesGrowAfterFailedOrders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var asked []time.Duration
		_, stop := source(t, []string{"a.example"}, func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			asked = append(asked, time.Since(start))
			return nil, errors.New("not today")
		})
		time.Sleep(24 * time.Hour) // fake time
		stop()
		if len(asked) < 24 || len(asked) > 35 {
			t.Fatalf("%d orders in a day: %v", len(asked), asked)
		}
		for i := range asked[1:] {
			pause := asked[i+1] - asked[i]
			if pause < 90*time.Second || pause > 70*time.Minute { // Let's Encrypt allows five failures an hour
				t.Errorf("a pause of %v after order %d", pause, i+1)
			}
		}
		if hour := slices.IndexFunc(asked, func(at time.Duration) bool { return at > time.Hour }); hour > 7 {
			t.Errorf("%d orders in the first hour", hour)
		}
	})
}

func TestAuthority_UsesRenewedCertificates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var current, second atomic.Pointer[tls.Certificate] // one for each name; nil: the order fails
		s, stop := source(t, []string{"a.example", "b.example"}, func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
			cert := current.Load()
			if hello.ServerName == "b.example" {
				cert = second.Load()
			}
			if cert == nil {
				return nil, errors.New("not yet")
			}
			return cert, nil
		})
		a, b, renewed := newLeaf(t, 1), newLeaf(t, 2), newLeaf(t, 3)
		for _, step := range []struct {
			a, b *tls.Certificate // the certificates that the authority issues
			want []*tls.Certificate
		}{
			{nil, nil, nil},
			{nil, b, []*tls.Certificate{b}},
			{a, b, []*tls.Certificate{a, b}},
			{renewed, b, []*tls.Certificate{renewed, b}},
			{nil, b, []*tls.Certificate{renewed, b}},
			{nil, nil, []*tls.Certificate{renewed, b}},
		} {
			current.Store(step.a)
			second.Store(step.b)
			time.Sleep(10 * time.Minute) // fake time
			synctest.Wait()
			if held := s.held(); !slices.Equal(held, step.want) || (s.firstEnd() == 0) != (len(held) < 2) {
				t.Errorf("%+v: held are %d, the first ends at %v", step, len(held), s.firstEnd())
			}
		}
		stop()
	})
}

func TestOpen_IgnoresAnExpiredCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaf := newLeaf(t, 1)
		key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		both := append(
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
			pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]})...)
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.example"), both, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 0} {
			s, err := Open(Config{Domains: []string{"a.example"}, Cache: dir})
			if err != nil || len(s.held()) != want {
				t.Errorf("%v: %d certificates from the cache, want %d (%v)", time.Now(), len(s.held()), want, err)
			}
			time.Sleep(366 * 24 * time.Hour) // fake time
		}
	})
}

func TestRun_DoesNotWaitForAnOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		s, stop := source(t, []string{"a.example"}, func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			<-answer
			return nil, errors.New("too late")
		})
		synctest.Wait()
		if log := stop(); log != "" || len(s.held()) > 0 {
			t.Errorf("%d certificates without an answer; stopping is not a failure:\n%s", len(s.held()), log)
		}
		close(answer)
		synctest.Wait()
	})
}
