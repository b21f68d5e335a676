// Package jaeger tests what an operator sees of a ceremony in a real Jaeger. Nodes
// export to it over OTLP, and the tests ask its query API what a person would look for.
// The tests need JAEGER_BIN, a Jaeger binary. `make test-jaeger` builds it from the
// module in server, which pins the version and stays out of the workspace.
package jaeger
