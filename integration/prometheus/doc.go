// Package prometheus tests what an operator sees of ceremonies in a real Prometheus:
// it scrapes real nodes, and every query of the dashboard, the rules and the docs has to
// find what it names there. The tests need PROMETHEUS_BIN, a Prometheus binary:
// `make test-prometheus` builds the one that the module in server pins, which stays out
// of the workspace.
package prometheus
