// Package browser tests the status page in a real browser. In thirteen situations of real ceremonies,
// the tests check that the page shows at first sight what an operator needs to know. They also check
// that it follows what happens, and that everyone can read it, on a phone and with a screen reader too.
// testdata has axe-core, with its licence. axe-core finds what keeps people from reading a page.
//
// The tests need Chromium. CHROMIUM names it; without CHROMIUM they are skipped.
//
//	make test-page                        # with CHROMIUM=PATH unless it is Debian's
//	make test-page ARGS="-pictures DIR"   # writes two PNGs for each situation
package browser
