module github.com/dkgsync/dkgsync/examples/fxapp

go 1.26.0

require (
	github.com/dkgsync/dkgsync v0.0.0
	github.com/spf13/cobra v1.10.2
)

replace github.com/dkgsync/dkgsync => ../../
