// Package packaging has what runs fxapp on an operator's machines: a container file, a
// compose file, systemd units, and the script that builds a release. It has no code:
// README.md says how to use them, and the tests read them with the parsers of BuildKit,
// Compose and systemd, and ask fxapp whether it knows every command and every variable
// in them.
package packaging
