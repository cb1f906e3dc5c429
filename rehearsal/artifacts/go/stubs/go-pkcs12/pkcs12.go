// Package pkcs12 stands in for github.com/cert-manager/go-pkcs12, which is not served as a module. Submariner needs one
// function of it, and only when its IPsec driver authenticates by certificates (here it uses a pre-shared key); openssl,
// which the gateway's image has, does the encoding.
package pkcs12

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
)

// Encoder has one configuration only: what openssl chooses by default.
type Encoder struct{}

// Modern is the encoder Submariner asks for.
var Modern = Encoder{}

// EncodeWithFriendlyName returns a PKCS#12 archive of a key, its certificate and the certificates above it.
func (Encoder) EncodeWithFriendlyName(name string, key any, certificate *x509.Certificate, above []*x509.Certificate,
	password string,
) ([]byte, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("pkcs12: private key: %w", err)
	}
	input := &bytes.Buffer{}
	_ = pem.Encode(input, &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
	_ = pem.Encode(input, &pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	for _, issuer := range above {
		_ = pem.Encode(input, &pem.Block{Type: "CERTIFICATE", Bytes: issuer.Raw})
	}
	// key and password by standard input and environment: neither shows in the process list nor on a disk
	openssl := exec.Command("openssl", "pkcs12", "-export", "-name", name, "-passout", "env:PKCS12_PASSWORD")
	openssl.Env = append(os.Environ(), "PKCS12_PASSWORD="+password)
	openssl.Stdin = input
	archive, err := openssl.Output()
	if err != nil {
		return nil, fmt.Errorf("pkcs12: openssl: %w", err)
	}
	return archive, nil
}
