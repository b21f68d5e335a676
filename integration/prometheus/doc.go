// Package prometheus tests what an operator sees of ceremonies in a real Prometheus. It
// scrapes real nodes, and every query of the dashboard, the rules and the docs must find
// there what it names. The tests need PROMETHEUS_BIN, a Prometheus binary. `make
// test-prometheus` builds it from the module in server, which pins the version and stays
// out of the workspace.
package prometheus
