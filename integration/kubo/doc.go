// Package kubo tests the plugin of examples/kubo in the real ipfs command. Its daemons
// run as processes. The tests need KUBO_BIN, an ipfs with the plugin. `make test-kubo`
// builds it from the module in examples/kubo, which stays out of the workspace.
package kubo
