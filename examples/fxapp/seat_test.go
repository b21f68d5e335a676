package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/syncmod"
)

// In a list that was cut by one, that one could be the one that matters.
func TestAListHidesNoSingleMember(t *testing.T) {
	t.Parallel()
	var d syncmod.Definition
	var all []int
	for i := range enough + 2 {
		d.Peers = append(d.Peers, syncmod.Peer{Name: fmt.Sprintf("m%d", i)})
		all = append(all, i)
	}

	require.NotContains(t, listMembers(d, all[:enough]), "more")
	require.Regexp(t, `, operator 8 \(m8\)$`, listMembers(d, all[:enough+1]))
	require.Regexp(t, `, operator 7 \(m7\) and 2 more$`, listMembers(d, all))
}
