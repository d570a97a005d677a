package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const validity = 10 * 365 * 24 * time.Hour

// writeCredentials writes certificates, the administrator's token and the kubeconfig, unless a start before has.
func writeCredentials(port int) error {
	if made("kubeconfig") && made("kubelet-client.crt") {
		return nil
	}
	authority, authorityKey, err := certificate("ca", x509.Certificate{IsCA: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	if err != nil {
		return err
	}
	server := x509.Certificate{
		DNSNames:    []string{"localhost", "kubernetes.default.svc"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if _, _, err = certificate("server", server, authority, authorityKey); err != nil {
		return err
	}
	client := x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, _, err = certificate("kubelet-client", client, authority, authorityKey); err != nil {
		return err
	}
	if err := writeKey("accounts.key"); err != nil {
		return err
	}
	token := rand.Text()
	if err := os.WriteFile("tokens.csv", []byte(token+",admin,admin,system:masters\n"), 0o600); err != nil {
		return err
	}
	return writeKubeconfig(port, token)
}

func made(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// certificate writes NAME.crt and NAME.key; without an authority it signs itself.
func certificate(name string, wanted x509.Certificate, by *x509.Certificate, key *rsa.PrivateKey) (*x509.Certificate, *rsa.PrivateKey, error) {
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, err
	}
	serial := make([]byte, 8)
	_, _ = rand.Read(serial)
	wanted.SerialNumber = new(big.Int).SetBytes(serial)
	wanted.Subject = pkix.Name{CommonName: "labform-sandbox-" + name + "-" + hex.EncodeToString(serial)}
	wanted.NotBefore, wanted.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(validity)
	wanted.BasicConstraintsValid = true
	if by == nil {
		by, key = &wanted, own
	}
	signed, err := x509.CreateCertificate(rand.Reader, &wanted, by, own.Public(), key)
	if err != nil {
		return nil, nil, err
	}
	if err := writePEM(name+".crt", "CERTIFICATE", signed); err != nil {
		return nil, nil, err
	}
	made, err := x509.ParseCertificate(signed)
	if err != nil {
		return nil, nil, err
	}
	return made, own, writePEM(name+".key", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(own))
}

func writeKey(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	return writePEM(path, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))
}

func writePEM(path, kind string, content []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600)
}

// writeKubeconfig writes a file that needs no other one, so that it can be copied anywhere.
func writeKubeconfig(port int, token string) error {
	authority, err := os.ReadFile("ca.crt")
	if err != nil {
		return err
	}
	const name = "labform-sandbox"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server:                   fmt.Sprintf("https://127.0.0.1:%d", port),
		CertificateAuthorityData: authority,
	}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	config.CurrentContext = name
	return clientcmd.WriteToFile(*config, "kubeconfig")
}
