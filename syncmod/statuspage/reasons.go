package statuspage

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// This file finds the reason of a failure in what a member has told of it.

// quoted is what the member that ended the ceremony has told of it, as it was told.
func (v view) quoted() (text string, culprit int, ok bool) {
	by, named := errors.AsType[*syncmod.PeerError](v.status.Err)
	if !named || by.Index == v.self || !errors.Is(v.status.Err, syncmod.ErrPeerAborted) {
		return "", 0, false
	}
	_, rest, _ := strings.Cut(v.status.Err.Error(), `: "`)
	quote, err := strconv.QuotedPrefix(`"` + rest)
	if err != nil {
		return "", 0, false
	}
	text, err = strconv.Unquote(quote)
	text, _, _ = strings.Cut(text, "; the ceremony cannot go on")
	return text, by.Index, err == nil
}

// told is what the member that ended the ceremony gives as its reason, in a sentence about it
// and, if it is the program's, in its own words.
func (v view) told() (words, sentence string, ok bool) {
	text, culprit, ok := v.quoted()
	if !ok {
		return "", "", false
	}
	text, who := v.named(text), v.names[culprit]
	did, itself := strings.CutPrefix(text, who+" ")
	if !itself {
		return "", who + " ended it: " + text, true
	}
	for _, happened := range []string{"restarted", "was stopped"} {
		if strings.HasPrefix(did, happened) {
			return "", who + "'s node " + happened, true
		}
	}
	if words, gaveUp := strings.CutPrefix(did, "gave up: "); gaveUp {
		return words, who + " gave up: " + words, true
	}
	return "", who + " " + did, true
}

var anOperator = regexp.MustCompile(`\boperator (\d+)\b`)

// named is a text in which members have their names instead of "operator 2 (carol)", or
// "operator 2".
func (v view) named(text string) string {
	for i, name := range v.names {
		text = strings.ReplaceAll(text, fmt.Sprintf("operator %d (%s)", i, name), name)
	}
	return anOperator.ReplaceAllStringFunc(text, func(operator string) string {
		if i, err := strconv.Atoi(strings.TrimPrefix(operator, "operator ")); err == nil && i < len(v.names) {
			return v.names[i]
		}
		return operator
	})
}

// mentioned are the members that a reason names by their operator index, but for one.
func (v view) mentioned(but int) (members []int) {
	text, _, _ := v.quoted()
	for _, found := range anOperator.FindAllStringSubmatch(text, -1) {
		i, err := strconv.Atoi(found[1])
		if err == nil && i < len(v.names) && i != but && !slices.Contains(members, i) {
			members = append(members, i)
		}
	}
	return members
}

// differing names the members whose result differs from this node's, if most members that are
// known to attest one agree with this node; and those that agree.
func (v view) differing() (differ, agree []string) {
	if !errors.Is(v.status.Err, syncmod.ErrResultMismatch) || v.status.Attested == nil {
		return nil, nil
	}
	agree = []string{"this node"}
	for _, p := range v.status.Peers {
		switch {
		case p.Attested == nil:
		case bytes.Equal(p.Attested, v.status.Attested):
			agree = append(agree, v.names[p.Index])
		default:
			differ = append(differ, v.names[p.Index])
		}
	}
	if len(agree) <= len(differ) {
		return nil, nil
	}
	return differ, agree
}

// differs reports whether a member's result is known to differ from this node's.
func (v view) differs(p syncmod.PeerStatus) bool {
	return errors.Is(v.status.Err, syncmod.ErrResultMismatch) && v.status.Attested != nil && p.Attested != nil &&
		!bytes.Equal(p.Attested, v.status.Attested)
}
