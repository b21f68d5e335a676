package syncmod

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/internal/report"
	"github.com/dkgsync/dkgsync/syncmod/internal/roster"
)

func TestEveryKindOfFailureHasOneRow(t *testing.T) {
	rows := make(map[roster.Kind]int)
	for _, row := range failureKinds {
		rows[row.kind]++
		require.NotEqual(t, report.TypeOther, row.errorType, row.kind.String())
	}
	for kind := roster.VersionMismatch; kind.String() != "unknown"; kind++ {
		require.Equal(t, 1, rows[kind], kind.String())
	}
}

func TestOnlyTheseFailuresArePermanent(t *testing.T) {
	var never []roster.Kind
	for _, row := range failureKinds {
		if row.mend == permanent {
			never = append(never, row.kind)
		}
	}
	require.Equal(t, []roster.Kind{
		roster.VersionMismatch, roster.BadSignature, roster.MembersMismatch, roster.ResultMismatch, roster.Stopped,
		roster.HostClosed,
	}, never)
}
