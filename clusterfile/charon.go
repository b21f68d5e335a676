package clusterfile

import (
	"fmt"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/dkgsync/dkgsync/syncmod"
)

// charonFile is what a ceremony needs of Charon's cluster definition, and what shows
// that the file contradicts itself.
type charonFile struct {
	Operators []struct {
		Address string `json:"address"`
		ENR     string `json:"enr"`
	} `json:"operators"`
	NumOperators   *int   `json:"num_operators"`
	Threshold      int    `json:"threshold"`
	DefinitionHash string `json:"definition_hash"`
}

func parseCharon(text string) (syncmod.Definition, error) {
	var file charonFile
	if err := unmarshal(text, &file, "a cluster definition"); err != nil {
		return syncmod.Definition{}, err
	}
	hash, err := parseHash("definition_hash", file.DefinitionHash)
	if err != nil {
		return syncmod.Definition{}, err
	}
	if err := file.checkNumbers(); err != nil {
		return syncmod.Definition{}, err
	}
	if err := checkKeys(text); err != nil {
		return syncmod.Definition{}, err
	}
	definition := syncmod.Definition{Hash: hash}
	ids, addresses := make(map[peer.ID]int), make(map[string]int)
	for i, operator := range file.Operators {
		if strings.TrimSpace(operator.ENR) == "" {
			return syncmod.Definition{}, fmt.Errorf("operators[%d].enr: it is missing: "+
				"get the definition again once every operator has accepted it", i)
		}
		id, err := ParseENR(operator.ENR)
		if err != nil {
			return syncmod.Definition{}, fmt.Errorf("operators[%d].enr: %w", i, err)
		}
		if first, ok := ids[id]; ok {
			return syncmod.Definition{}, fmt.Errorf("operators[%d].enr: operators[%d] has the same key: "+
				"every operator needs its own key", i, first)
		}
		ids[id] = i
		if address := strings.ToLower(strings.TrimSpace(operator.Address)); address != "" {
			if first, ok := addresses[address]; ok {
				return syncmod.Definition{}, fmt.Errorf("operators[%d].address: operators[%d] has the same address: "+
					"get the definition again from the person who made it", i, first)
			}
			addresses[address] = i
		}
		definition.Peers = append(definition.Peers, syncmod.Peer{ID: id})
	}
	return definition, nil
}

// checkNumbers compares how many operators there are with how many there have to be.
func (f charonFile) checkNumbers() error {
	n := len(f.Operators)
	switch {
	case f.NumOperators != nil && *f.NumOperators != n:
		return fmt.Errorf("operators: there are %d, but num_operators is %d, so somebody changed the file: "+
			"get the definition again from the person who made it", n, *f.NumOperators)
	case n < minMembers || n > maxMembers:
		return fmt.Errorf("operators: there are %d, but a ceremony has %d to %d", n, minMembers, maxMembers)
	case n < f.Threshold:
		return fmt.Errorf("operators: there are %d, but threshold is %d, so some are missing: "+
			"get the definition again from the person who made it", n, f.Threshold)
	}
	return nil
}
