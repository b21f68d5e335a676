// Package faults breaks ceremonies of real hosts in every way that an operator is
// likely to meet, one fault each, and keeps the log of each node as an operator has it:
// what a reader of nothing but a log can find out. The test requires that a log names
// the cause and the machine to go to.
//
//	make faults                                # stores nothing, checks every log
//	make faults ARGS="--logs DIR --seed 7"     # DIR/01/alice.log …, in an order drawn from the seed
//	make faults ARGS="--logs DIR --answers FILE"
//
// The folders do not tell which fault it was: FILE does.
package faults
