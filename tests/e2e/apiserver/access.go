package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
)

// auditPolicy logs every request once, when it has been answered, without bodies. A watch is logged when it begins too:
// a test does not wait for its end.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

// access is what a client needs to get in.
type access struct {
	directory string
	url       string
	token     string
	authority []byte
}

func (a *access) path(name string) string {
	return filepath.Join(a.directory, name)
}

// prepare writes what the server reads and what clients read: kubeconfig, and the administrator's token by itself.
// renew is `certificate` or `authority` if what there is of it is to be made anew.
func prepare(directory, address, renew string) (*access, error) {
	a := &access{directory: directory, url: "https://" + address}
	var stale []string
	switch renew {
	case "":
	case "certificate":
		stale = []string{"server.crt"}
	case "authority":
		stale = []string{"ca.crt", "server.crt"}
	default:
		return nil, fmt.Errorf("--renew is certificate or authority, not %s", renew)
	}
	for _, name := range stale {
		if err := os.Remove(a.path(name)); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	authority, err := certificates(a)
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	a.authority = authority
	token, err := os.ReadFile(a.path("token"))
	if os.IsNotExist(err) {
		random := make([]byte, 16)
		if _, err := rand.Read(random); err != nil {
			return nil, err
		}
		token = []byte(hex.EncodeToString(random))
	} else if err != nil {
		return nil, err
	}
	a.token = string(token)
	kubeconfig := fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: admin}}]
clusters: [{name: test, cluster: {server: "%s", certificate-authority-data: %s}}]
users: [{name: admin, user: {token: %s}}]
`, a.url, base64.StdEncoding.EncodeToString(authority), a.token)
	files := map[string]string{
		"token":             a.token,
		"tokens.csv":        a.token + `,admin,admin,"system:masters"` + "\n",
		"audit-policy.yaml": auditPolicy,
		"kubeconfig":        kubeconfig,
	}
	for name, text := range files {
		if err := os.WriteFile(a.path(name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	return a, nil
}
