package main

import (
	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-proxy/app"
)

// proxy is kube-proxy's own main function, in the same program because most of both is the same.
func proxy(arguments []string) int {
	command := app.NewProxyCommand()
	command.SetArgs(arguments)
	return cli.Run(command)
}
