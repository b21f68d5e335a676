package clusterfile_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/dkgsync/dkgsync/clusterfile"
)

func TestACharonDefinitionIsRead(t *testing.T) {
	definition, err := clusterfile.ReadDefinition(charonSample)

	require.NoError(t, err)
	require.Equal(t, charonHash, hex.EncodeToString(definition.Hash))
	require.Len(t, definition.Peers, len(operators))
	for i, p := range definition.Peers {
		require.Equal(t, operators[i], p.ID.String())
		require.Empty(t, p.Addrs)
	}
}

// Windows, editors and older versions of Charon leave files like these.
func TestUntidyCharonDefinitionsAreRead(t *testing.T) {
	sample := read(t, charonSample)
	eachENR := func(change func(string) string) string {
		return withOperators(t, func(all []operator) []operator {
			for i := range all {
				all[i].ENR = change(all[i].ENR)
			}
			return all
		})
	}
	for name, content := range map[string]string{
		"a byte order mark":         "\xef\xbb\xbf" + sample,
		"Windows line ends":         strings.ReplaceAll(sample, "\n", "\r\n") + "\r\n",
		"spaces around it":          "\n  " + sample + "\n\n",
		"0X before the hash":        charon(t, "definition_hash", "0X"+charonHash),
		"no 0x before the hash":     charon(t, "definition_hash", charonHash),
		"upper case in the hash":    charon(t, "definition_hash", strings.ToUpper(charonHash)),
		"padded ENRs":               eachENR(func(enr string) string { return enr + strings.Repeat("=", 2) }),
		"spaces around ENRs":        eachENR(func(enr string) string { return " " + enr + "\r\n" }),
		"the number of operators":   charon(t, "num_operators", 4),
		"addresses of all of them":  withOperators(t, addressed("0xA1", "0xA2", "0xA3", "0xA4")),
		"as many as the threshold":  charon(t, "threshold", 4),
		"fields that nobody knows":  charon(t, "deposit_amounts_v2", []int{1}),
		"fields of other objects":   charon(t, "more", []any{map[string]any{"a": map[string]int{"x": 1, "X": 2}}}),
		"no threshold, as in tests": charon(t, "threshold", nil),
	} {
		t.Run(name, func(t *testing.T) {
			definition, err := clusterfile.ReadDefinition(write(t, content))

			require.NoError(t, err)
			require.Equal(t, charonHash, hex.EncodeToString(definition.Hash))
			require.Equal(t, operators[3], definition.Peers[3].ID.String())
		})
	}
}

func addressed(addresses ...string) func([]operator) []operator {
	return func(all []operator) []operator {
		for i, address := range addresses {
			all[i].Address = address
		}
		return all
	}
}

func TestABadCharonDefinitionIsRefused(t *testing.T) {
	again := ": get the definition again from the person who made it"
	only := func(n int) string {
		return withOperators(t, func(all []operator) []operator { return all[:n] })
	}
	secondENR := func(enr string) string {
		return withOperators(t, func(all []operator) []operator {
			all[1].ENR = enr
			return all
		})
	}
	second, sample := enrs(t)[1], read(t, charonSample)
	for name, test := range map[string]struct{ content, want string }{
		"no hash": {charon(t, "definition_hash", nil), "definition_hash: it is missing"},
		"a short hash": {
			charon(t,
				"definition_hash", "0x3ecf"), "definition_hash: it is not 32 bytes in hex: copy the file again",
		},
		"no hex": {
			charon(t, "definition_hash", strings.Repeat("xy", 32)),
			"definition_hash: it is not 32 bytes in hex: copy the file again",
		},
		"fewer operators than threshold": {
			only(2),
			"operators: there are 2, but threshold is 3, so some are missing" + again,
		},
		"more operators than num_operators": {
			charon(t, "num_operators", 3),
			"operators: there are 4, but num_operators is 3, so somebody changed the file" + again,
		},
		"fewer operators than num_operators": {
			charon(t, "num_operators", 5),
			"operators: there are 4, but num_operators is 5, so somebody changed the file" + again,
		},
		"no operators": {charon(t, "operators", nil), "operators: there are 0, but a ceremony has 2 to 1024"},
		"a wrong JSON type": {
			charon(t, "operators", map[string]int{}),
			"operators: a JSON object is not allowed here in a cluster definition",
		},
		"an impossible number of operators": {
			strings.Replace(charon(t, "num_operators", 4), `"num_operators":4`,
				`"num_operators":`+strings.Repeat("9", 1<<20), 1),
			"num_operators: a JSON number " + strings.Repeat("9", 73) +
				"… is not allowed here in a cluster definition",
		},
		"operators twice": {
			strings.Replace(sample, `"operators":`, `"operators":[{},{},{},{}],"operators":`, 1),
			twice("operators"),
		},
		"operators twice, in upper case": {
			strings.Replace(sample, `"operators":`, `"OPERATORſ":[{},{},{},{}],"operators":`, 1),
			twice("operators"),
		},
		"an operator's ENR twice": {strings.Replace(sample, `"enr":`, `"ENR":"","\u0065nr":`, 1), twice("enr")},
		"an ENR twice": {
			secondENR(enrs(t)[0]),
			"operators[1].enr: operators[0] has the same key: every operator needs its own key",
		},
		"an address twice": {
			withOperators(t, addressed("0xAB", "0xCD", "0xab")),
			"operators[2].address: operators[0] has the same address" + again,
		},
		"an operator who has not accepted": {
			secondENR(" "),
			"operators[1].enr: it is missing: get the definition again once every operator has accepted it",
		},
		"an ENR without its beginning": {
			secondENR(second[len("enr:"):]),
			`operators[1].enr: it is not an ENR: it does not begin with "enr:"`,
		},
		"an ENR that is cut": {
			secondENR(second[:100]),
			"operators[1].enr: the ENR is cut off or damaged: copy it again",
		},
		"an ENR that was changed": {
			secondENR(second[:50] + "AAAA" + second[54:]),
			"operators[1].enr: the ENR's signature is not valid, so it was changed or not copied whole: copy it again",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, test.content)

			_, err := clusterfile.ReadDefinition(path)

			require.EqualError(t, err, path+": "+test.want)
		})
	}
}
