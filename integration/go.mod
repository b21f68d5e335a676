module github.com/dkgsync/dkgsync/integration

go 1.26.0

require github.com/dkgsync/dkgsync v0.0.0

replace github.com/dkgsync/dkgsync => ../
