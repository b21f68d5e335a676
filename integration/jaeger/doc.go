// Package jaeger tests what an operator sees of a ceremony in a real Jaeger:
// nodes export to it over OTLP, and its query API is asked what a person would
// look for. The tests need JAEGER_BIN, a Jaeger binary: `make test-jaeger` builds
// the one that the module in server pins, which stays out of the workspace.
package jaeger
