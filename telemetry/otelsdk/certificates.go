package otelsdk

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// checkCertificates reads the files of a signal that is exported by OTLP: the exporters go on without those that they
// cannot read.
func checkCertificates(s signal) error {
	if !s.usesOTLP() {
		return nil
	}
	certificates, keys := s.otlp("CLIENT_CERTIFICATE"), s.otlp("CLIENT_KEY")
	for i, name := range s.otlp("CERTIFICATE") {
		if file := get(name); file != "" {
			if err := checkAuthorities(file); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		certificate, key := get(certificates[i]), get(keys[i])
		switch {
		case certificate == "" && key == "":
		case certificate == "" || key == "":
			return fmt.Errorf("%s and %s belong together: one of them is missing", certificates[i], keys[i])
		default:
			if _, err := tls.LoadX509KeyPair(certificate, key); err != nil {
				return fmt.Errorf("%s and %s: %w", certificates[i], keys[i], err)
			}
		}
	}
	return nil
}

func checkAuthorities(file string) error {
	pem, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !x509.NewCertPool().AppendCertsFromPEM(pem) {
		return errors.New("no certificate in " + file)
	}
	return nil
}
