module palisade/tests/e2e/crds

go 1.26.0

require (
	github.com/prometheus-operator/prometheus-operator v0.92.1
	sigs.k8s.io/network-policy-api v0.3.0
)
