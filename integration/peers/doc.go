// Package peers tests what a ceremony does when members fail: killed, frozen, mute,
// restarted, stopped, gone too early or too late, and with their clocks wrong.
package peers
