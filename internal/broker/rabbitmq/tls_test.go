package rabbitmq_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"restante/internal/broker/rabbitmq"
	"restante/internal/errs"
	"restante/internal/testkit"
)

// TestDriver_SpeaksTLS: amqps:// verifies the broker's certificate, with the CA that the address names.
func TestDriver_SpeaksTLS(t *testing.T) {
	url := testkit.VHost(t)[0]
	addr := testkit.RabbitMQ(t).Node(0).Addr()
	certificate, file := selfSigned(t)
	secure := strings.NewReplacer("amqp:", "amqps:", addr, terminateTLS(t, certificate, addr)).Replace(url)
	d := open(t, rabbitmq.Config{URLs: []string{secure + "&cacertfile=" + file}})
	if err := d.Publish(t.Context(), numbered("a", 1)); err != nil {
		t.Error(err)
	}
	if d, err := rabbitmq.Open(t.Context(), rabbitmq.Config{URLs: []string{secure}}); errs.CodeOf(err) != errs.Forbidden {
		t.Errorf("Open with a certificate that no CA has signed: %v, want class %s", err, errs.Forbidden)
		if err == nil {
			d.Close()
		}
	}
}

// selfSigned returns a certificate for 127.0.0.1 and a file with it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

// terminateTLS forwards connections to a target in plain text, and returns its address.
func terminateTLS(t *testing.T, certificate tls.Certificate, target string) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return // closed
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				client.Close()
				continue
			}
			for _, ends := range [][2]net.Conn{{client, server}, {server, client}} {
				wg.Go(func() {
					_, _ = io.Copy(ends[0], ends[1])
					client.Close()
					server.Close()
				})
			}
		}
	})
	t.Cleanup(func() { listener.Close(); wg.Wait() })
	return listener.Addr().String()
}
