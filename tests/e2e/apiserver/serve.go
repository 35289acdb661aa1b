package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/spf13/pflag"
	"go.etcd.io/etcd/server/v3/embed"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

// serve is kube-apiserver's own main function, with a listener of ours in place of a port, and faults on request.
func serve(ctx context.Context, listener net.Listener, access *access, etcd *embed.Etcd, extra []string) error {
	server := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	sets := server.Flags()
	for _, set := range sets.FlagSets {
		flags.AddFlagSet(set)
	}
	arguments := append([]string{
		"--etcd-servers=http://" + etcd.Clients[0].Addr().String(),
		"--bind-address=127.0.0.1",
		// No node ever asks for the address, and there may be no default route to guess one by.
		"--advertise-address=192.0.2.1",
		"--endpoint-reconciler-type=none",
		"--tls-cert-file=" + access.path("server.crt"),
		"--tls-private-key-file=" + access.path("server.key"),
		"--service-cluster-ip-range=10.96.0.0/16,fd00:96::/108",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file=" + access.path("accounts.key"),
		"--service-account-key-file=" + access.path("accounts.key"),
		"--token-auth-file=" + access.path("tokens.csv"),
		"--authorization-mode=Node,RBAC",
		"--allow-privileged=true",
		"--audit-policy-file=" + access.path("audit-policy.yaml"),
		"--audit-log-path=" + access.path("audit.log"),
	}, extra...)
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	server.SecureServing.Listener = listener
	server.SecureServing.BindPort = listener.Addr().(*net.TCPAddr).Port
	if err := server.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return err
	}
	completed, err := server.Complete(ctx)
	if err != nil {
		return err
	}
	if errs := completed.Validate(); len(errs) != 0 {
		return utilerrors.NewAggregate(errs)
	}
	config, err := app.NewConfig(completed)
	if err != nil {
		return err
	}
	configured, err := config.Complete()
	if err != nil {
		return err
	}
	chain, err := app.CreateServerChain(configured)
	if err != nil {
		return err
	}
	handler := chain.GenericAPIServer.Handler
	handler.FullHandlerChain = faulty(access, handler.FullHandlerChain)
	prepared, err := chain.PrepareRun()
	if err != nil {
		return err
	}
	return prepared.Run(ctx)
}

// waitUntilReady asks /readyz until it says yes, or the server ends.
func waitUntilReady(ctx context.Context, access *access, ended <-chan error) error {
	authorities := x509.NewCertPool()
	authorities.AppendCertsFromPEM(access.authority)
	client := http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, access.url+"/readyz", nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+access.token)
	limit := time.After(startLimit)
	for {
		answer, err := client.Do(request)
		last := fmt.Sprint(err)
		if err == nil {
			text, _ := io.ReadAll(answer.Body)
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
			last = answer.Status + ": " + string(text)
		}
		select {
		case err := <-ended:
			return fmt.Errorf("ended before it was ready: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-limit:
			return fmt.Errorf("not ready after %s: %s", startLimit, last)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
