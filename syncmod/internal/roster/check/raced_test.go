//go:build race

package check_test

// raced is set with the race detector. Everything then takes ten times as long, and
// only whole searches run at the same time.
const raced = true
