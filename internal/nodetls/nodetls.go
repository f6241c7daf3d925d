// Package nodetls encrypts what the nodes of a cluster send each other over HTTP. Each process makes a key of its own when it starts,
// and tells the others its fingerprint in its heartbeats. Both ends of a connection show their keys in the handshake: the node
// that dials accepts the announced key only, and the node that answers learns which key the other one has. Certificates carry the
// keys, and nothing else in them counts.
//
// Nodes use the port that clients use. On a port without TLS the first byte of a connection tells it apart, see Listener. On a port
// with TLS the server name of the handshake does, see Answer. Package forward dials; package server listens.
package nodetls

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Name is the server name of handshakes between nodes. No host can have it (RFC 6761).
const Name = "node.restante.invalid"

// HandshakeTimeout limits a handshake on both sides.
const HandshakeTimeout = 10 * time.Second

// Identity is the key of one process. It may be used concurrently.
type Identity struct {
	fingerprint string
	certificate tls.Certificate
}

// New makes a key (P-256) that lives as long as the process. An error means that the system has no random numbers.
func New() (*Identity, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key of this node: %w", err)
	}
	now := time.Now()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{Name}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(100, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("certificate of this node: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate of this node: %w", err)
	}
	return &Identity{
		fingerprint: fingerprintOf(leaf),
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf},
	}, nil
}

// Fingerprint returns the SHA-256 of the public key (its SubjectPublicKeyInfo) as 64 hexadecimal digits.
func (i *Identity) Fingerprint() string { return i.fingerprint }

func fingerprintOf(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(sum[:])
}

// WrongKeyError says that what answers at the address of a node has another key than the node has announced: it is another process,
// or somebody in between.
type WrongKeyError struct{ Want, Got string } // fingerprints

// Error implements error.
func (e *WrongKeyError) Error() string {
	return fmt.Sprintf("another key answers at the address of the node: %.16s… instead of %.16s…", e.Got, e.Want)
}

// Client encrypts a connection that this node has dialled to the node with the given fingerprint. It blocks until both have shown
// their keys, or until ctx is done, for HandshakeTimeout at most. Nothing but the handshake is sent before. It closes conn when it
// fails; the error is or wraps a *WrongKeyError if the other end has another key.
func (i *Identity) Client(ctx context.Context, conn net.Conn, fingerprint string) (*tls.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, HandshakeTimeout)
	defer cancel()
	secured := tls.Client(conn, &tls.Config{
		MinVersion:         tls.VersionTLS13,
		ServerName:         Name,
		InsecureSkipVerify: true, //nolint:gosec // no authority knows the nodes: the fingerprint is compared instead
		Certificates:       []tls.Certificate{i.certificate},
		VerifyConnection: func(state tls.ConnectionState) error {
			if got := keyOf(&state); got != fingerprint {
				return &WrongKeyError{Want: fingerprint, Got: got}
			}
			return nil
		},
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secured, nil
}

// Answer returns the configuration for handshakes of other nodes on a port with TLS, nil for those of clients. It is meant for
// tls.Config.GetConfigForClient.
func (i *Identity) Answer(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if hello.ServerName != Name {
		return nil, nil //nolint:nilnil // the configuration for clients stays
	}
	return i.server(), nil
}

// server returns the configuration for handshakes of other nodes.
func (i *Identity) server() *tls.Config {
	return &tls.Config{
		MinVersion:             tls.VersionTLS13,
		Certificates:           []tls.Certificate{i.certificate},
		ClientAuth:             tls.RequireAnyClientCert, // the caller compares it with what the nodes have announced
		SessionTicketsDisabled: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			if state.ServerName != Name {
				return errors.New("this port speaks TLS with other nodes only")
			}
			return nil
		},
	}
}

// keyOf returns the fingerprint of the key that the other end of a connection has shown, "" for none.
func keyOf(state *tls.ConnectionState) string {
	if len(state.PeerCertificates) == 0 {
		return ""
	}
	return fingerprintOf(state.PeerCertificates[0])
}
