// Package browser looks at the status page in a real browser: that it shows what operators have to
// know at first sight, in twelve situations of real ceremonies, that it follows what happens, and
// that everyone can read it, on a phone and with a screen reader, too. testdata has axe-core, which finds
// what keeps people from reading a page, with its licence.
//
// It needs Chromium, which CHROMIUM names: without it the tests are skipped.
//
//	make test-page                        # CHROMIUM=/path/to/it where it is not Debian's
//	make test-page ARGS="-pictures DIR"   # writes what it sees, two PNGs for each situation
package browser
