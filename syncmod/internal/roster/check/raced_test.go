//go:build race

package check_test

// raced: everything takes ten times as long, and nothing here runs at once but
// whole searches.
const raced = true
