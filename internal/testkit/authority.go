package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates for the servers of a test.
type Authority struct {
	Roots *x509.CertPool // contains the authority's own certificate
	File  string         // PEM file with the same certificate

	t           testing.TB
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	signed      int64
}

// NewAuthority returns a new authority. Its file is in a temporary directory.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t, Roots: x509.NewCertPool(), File: filepath.Join(t.TempDir(), "authority.pem")}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority of a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = a.newKey()
	der := a.create(template, template, a.key)
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a.certificate = certificate
	a.Roots.AddCert(certificate)
	a.write(a.File, "CERTIFICATE", der)
	return a
}

// Sign writes a new certificate for 127.0.0.1 and localhost, and its key, to two files, and returns its serial number.
func (a *Authority) Sign(certFile, keyFile string) (serial int64) {
	a.t.Helper()
	a.signed++
	serial = 1 + a.signed
	key := a.newKey()
	der := a.create(&x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}, a.certificate, key)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(keyFile, "PRIVATE KEY", private)
	a.write(certFile, "CERTIFICATE", der)
	return serial
}

func (a *Authority) newKey() *ecdsa.PrivateKey {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

// create returns the DER form of a certificate for key, signed by the authority.
func (a *Authority) create(template, parent *x509.Certificate, key *ecdsa.PrivateKey) []byte {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return der
}

func (a *Authority) write(file, kind string, der []byte) {
	a.t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}
