//go:build race

package check_test

// raced is true with the race detector, which makes everything take ten times as
// long. The detector has little to find: searches run in parallel, but one search
// has only one goroutine.
const raced = true
