// Package faults breaks ceremonies of real hosts in every way that an operator is likely to meet,
// with one fault each. It keeps the log of each node as its operator sees it, to check what a
// reader can find out from the log alone. The test requires that a log names the cause, and the
// machine that needs attention.
//
//	make faults                                # stores nothing, checks every log
//	make faults ARGS="--logs DIR --seed 7"     # writes DIR/01/alice.log …, in an order drawn from the seed
//	make faults ARGS="--logs DIR --answers FILE"
//
// The directory names do not give the faults away; FILE lists them.
package faults
