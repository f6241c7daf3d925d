package auth

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"restante/internal/filestate"
)

// later writes a file, and makes sure that its time differs although the clock of the test stands still.
func later(t *testing.T, path string, data []byte) {
	t.Helper()
	was, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	next := was.ModTime().Add(time.Second)
	if err := errors.Join(os.WriteFile(path, data, 0o600), os.Chtimes(path, next, next)); err != nil {
		t.Fatal(err)
	}
}

// looks waits until changed files have been read.
func looks(n int) {
	time.Sleep(time.Duration(n) * filestate.CheckEvery) // fake time
	synctest.Wait()
}

func TestLocalKeys_ChangedFilesAreReadAgain(t *testing.T) {
	key, secret := writeFile(t, publicPEM(t, "p256")), writeFile(t, []byte(secret32+"\n"))
	synctest.Test(t, func(t *testing.T) {
		log := &logged{}
		v := newTestVerifier(t, Config{Keys: []string{key}, SecretFiles: []string{secret}, Log: slog.New(slog.NewTextHandler(log, nil))})
		old, hashed := sign(t, jose.ES256, private()["p256"], nil, payload(nil)), secretToken(t, secret32, nil)
		wantClient(t, v, old, "ann")
		first := wantClient(t, v, hashed, "ann")
		looks(3)
		if wantClient(t, v, hashed, "ann") != first {
			t.Error("tokens are checked again although no file has changed")
		}

		later(t, key, publicPEM(t, "ed25519")) // of another algorithm
		looks(1)
		wantRefusal(t, v, old, wrongAlgorithm)
		wantClient(t, v, sign(t, jose.EdDSA, private()["ed25519"], nil, payload(nil)), "ann")
		wantClient(t, v, hashed, "ann")

		later(t, secret, []byte(secret64))
		looks(1)
		wantRefusal(t, v, hashed, wrongSignature)
		wantClient(t, v, sign(t, jose.HS512, []byte(secret64), nil, payload(nil)), "ann")
		if got := testutil.ToFloat64(v.metrics.reloads.WithLabelValues("ok")); got != 2 || log.count("read again") != 2 {
			t.Errorf("%v reloads are counted, want 2", got)
		}
		if log.count(secret32) != 0 {
			t.Error("the log has a secret")
		}
	})
}

func TestLocalKeys_ABadFileKeepsItsKey(t *testing.T) {
	key := writeFile(t, publicPEM(t, "p256"))
	synctest.Test(t, func(t *testing.T) {
		log := &logged{}
		v := newTestVerifier(t, Config{Keys: []string{key}, Log: slog.New(slog.NewTextHandler(log, nil))})
		token := sign(t, jose.ES256, private()["p256"], nil, payload(nil))
		for name, change := range map[string]func(){
			"half written": func() { later(t, key, publicPEM(t, "p256")[:40]) },
			"private":      func() { later(t, key, privatePEM(t, "p256")) },
		} {
			failed := testutil.ToFloat64(v.metrics.reloads.WithLabelValues("failed"))
			change()
			looks(1)
			if log.count("level=ERROR") != int(failed) {
				t.Errorf("%s: logged before the file was read twice", name)
			}
			looks(3)
			if got := testutil.ToFloat64(v.metrics.reloads.WithLabelValues("failed")); got != failed+1 || log.count("level=ERROR") != int(failed)+1 {
				t.Errorf("%s: counted %v, logged %d, want once more than %v", name, got, log.count("level=ERROR"), failed)
			}
			v.seen.clients.Purge()
			wantClient(t, v, token, "ann")
		}
		if err := os.Remove(key); err != nil {
			t.Fatal(err)
		}
		looks(2)
		wantClient(t, v, token, "ann")
		if err := os.WriteFile(key, publicPEM(t, "ed25519"), 0o600); err != nil {
			t.Fatal(err)
		}
		looks(1)
		wantRefusal(t, v, token, wrongAlgorithm)
	})
}

// Kubernetes replaces a link to the directory of the files.
func TestLocalKeys_AnotherDirectoryBehindALinkIsAChange(t *testing.T) {
	dir := t.TempDir()
	for name, key := range map[string]string{"1": "p256", "2": "ed25519"} {
		if err := errors.Join(os.Mkdir(filepath.Join(dir, name), 0o700), os.WriteFile(filepath.Join(dir, name, "key"), publicPEM(t, key), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	data := filepath.Join(dir, "..data")
	if err := os.Symlink("1", data); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		v := newTestVerifier(t, Config{Keys: []string{filepath.Join(data, "key")}})
		token := sign(t, jose.ES256, private()["p256"], nil, payload(nil))
		wantClient(t, v, token, "ann")
		if err := errors.Join(os.Symlink("2", data+"_tmp"), os.Rename(data+"_tmp", data)); err != nil {
			t.Fatal(err)
		}
		looks(1)
		wantRefusal(t, v, token, wrongAlgorithm)
	})
}
