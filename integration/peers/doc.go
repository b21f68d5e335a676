// Package peers tests what a ceremony does when members fail. They are killed, frozen,
// mute, restarted or stopped, leave too early or too late, or have wrong clocks.
package peers
