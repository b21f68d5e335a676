// Package check explores the rules.
package check
