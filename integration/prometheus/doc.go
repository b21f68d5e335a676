// Package prometheus tests what an operator sees of ceremonies in a real Prometheus.
// Prometheus scrapes real nodes. Every query of the dashboard, the rules and the docs
// must find the metrics and labels that it names. The tests need PROMETHEUS_BIN, a
// Prometheus binary. `make test-prometheus` builds it from the module in server, which
// pins the version and stays out of the workspace.
package prometheus
