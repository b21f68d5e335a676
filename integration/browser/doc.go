// Package browser looks at the status page in a real browser: that it shows what operators have to
// know at first sight, in twelve situations of real ceremonies, that it follows what happens, and
// that everyone can read it, on a phone and with a screen reader, too. testdata has axe-core, which finds
// what keeps people from reading a page, with its licence.
//
// It needs Chromium, Debian's for example. CHROMIUM names it where it is not in the PATH; without one
// the tests are skipped.
//
//	make test-page ARGS="-pictures DIR"   # writes what it sees, a PNG each
package browser
