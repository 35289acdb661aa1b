package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"time"
)

// certificates makes what is not there yet: an authority, the server's certificate, and the key that signs the tokens
// of ServiceAccounts. It returns the authority's certificate.
func certificates(a *access) ([]byte, error) {
	if _, err := os.Stat(a.path("accounts.key")); os.IsNotExist(err) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, err
		}
		if err := writePEM(a.path("accounts.key"), "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(a.path("ca.crt")); os.IsNotExist(err) {
		authority := template("palisade test authority")
		authority.IsCA = true
		authority.BasicConstraintsValid = true
		authority.KeyUsage = x509.KeyUsageCertSign
		if err := issue(a, "ca", authority, nil, nil); err != nil {
			return nil, err
		}
	}
	if _, err := os.Stat(a.path("server.crt")); os.IsNotExist(err) {
		authority, key, err := load(a)
		if err != nil {
			return nil, err
		}
		server := template("kube-apiserver")
		server.KeyUsage = x509.KeyUsageDigitalSignature
		server.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		server.DNSNames = []string{"localhost", "kubernetes.default.svc"}
		server.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
		if err := issue(a, "server", server, authority, key); err != nil {
			return nil, err
		}
	}
	return os.ReadFile(a.path("ca.crt"))
}

func template(name string) *x509.Certificate {
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(30 * 24 * time.Hour),
	}
}

// issue makes a key and a certificate, signed by itself if there is no authority.
func issue(a *access, name string, wanted, authority *x509.Certificate, signer *ecdsa.PrivateKey) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	if authority == nil {
		authority, signer = wanted, key
	}
	certificate, err := x509.CreateCertificate(rand.Reader, wanted, authority, &key.PublicKey, signer)
	if err != nil {
		return err
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := writePEM(a.path(name+".key"), "EC PRIVATE KEY", private); err != nil {
		return err
	}
	return writePEM(a.path(name+".crt"), "CERTIFICATE", certificate)
}

func load(a *access) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	text, err := os.ReadFile(a.path("ca.crt"))
	if err != nil {
		return nil, nil, err
	}
	block, _ := pem.Decode(text)
	authority, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, nil, err
	}
	text, err = os.ReadFile(a.path("ca.key"))
	if err != nil {
		return nil, nil, err
	}
	block, _ = pem.Decode(text)
	key, err := x509.ParseECPrivateKey(block.Bytes)
	return authority, key, err
}

func writePEM(path, kind string, bytes []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600)
}
