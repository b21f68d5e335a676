// Package packaging has the files with which operators run fxapp on their machines: a
// container file, a compose file, systemd units, and the script that builds a release.
// README.md says how to use them. The package itself has only tests. They read the
// files with the parsers of BuildKit, Compose and systemd, and ask fxapp whether it
// knows every command and every variable in them.
package packaging
