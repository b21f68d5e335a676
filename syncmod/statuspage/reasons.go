package statuspage

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dkgsync/dkgsync/syncmod"
)

// This file finds the reason for a failure in the text that a member sent about it.

// culprit returns the member that made the ceremony fail, as far as this node knows.
func (v view) culprit() (member int, named bool) {
	if d, differ := v.difference(); differ {
		return d.odd, true
	}
	if _, about, ok := v.quoted(); ok {
		return about, true
	}
	by, named := errors.AsType[*syncmod.PeerError](v.status.Err)
	if !named {
		return 0, false
	}
	return by.Index, true
}

// teller returns the member that ended the ceremony, according to that member itself or to
// another one.
func (v view) teller() (member int, ok bool) {
	_, member, ok = v.quoted()
	return member, ok
}

// aMember matches the beginning of a reason that blames a member. If one member refused another,
// it is open which of them caused the failure.
var aMember = regexp.MustCompile(`^operator (\d+) \([^"]*?\) (refused this node)?`)

// quoted returns what a member said about why the ceremony ended, and the member that this is
// about. A member whose ceremony has failed also gives the reason when it refuses the request
// of a member that wants to go on.
func (v view) quoted() (text string, about int, ok bool) {
	by, named := errors.AsType[*syncmod.PeerError](v.status.Err)
	if !named || by.Index == v.self {
		return "", 0, false
	}
	before, rest, _ := strings.Cut(v.status.Err.Error(), `: "`)
	quote, err := strconv.QuotedPrefix(`"` + rest)
	if err != nil {
		return "", 0, false
	}
	if text, err = strconv.Unquote(quote); err != nil {
		return "", 0, false
	}
	switch begins := aMember.FindStringSubmatch(text); {
	case errors.Is(v.status.Err, syncmod.ErrPeerAborted):
		about = by.Index
	case !errors.Is(v.status.Err, syncmod.ErrPeerRejected) || begins == nil:
		return "", 0, false
	case begins[2] != "":
		about = by.Index
	default:
		about, err = strconv.Atoi(begins[1])
	}
	if err != nil || about >= len(v.names) || about == v.self {
		return "", 0, false
	}
	text, _, _ = strings.Cut(text, "; the ceremony cannot go on")
	if tellers := v.operators(before); len(tellers) > 0 {
		text = retold(text, v.names[tellers[len(tellers)-1]])
	}
	return text, about, true
}

// retold returns what a member said, with the name of the member in place of "this node". Text
// that the member quoted stays as it is.
func retold(text, teller string) string {
	end := strings.IndexByte(text, '"')
	if end < 0 {
		end = len(text)
	}
	return strings.ReplaceAll(text[:end], "this node", teller) + text[end:]
}

// told returns the reason that the member gave when it ended the ceremony, in a sentence about
// that member. The result called words is the reason exactly as the member's program gave it,
// if that program gave one.
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
	for _, happened := range []struct{ begins, of string }{
		{"restarted", "'s node restarted"},
		{"was stopped", "'s node was stopped"},
	} {
		if strings.HasPrefix(did, happened.begins) {
			return "", who + happened.of, true
		}
	}
	if words, gaveUp := strings.CutPrefix(did, "gave up: "); gaveUp {
		where, words := v.inStep(words)
		if accused := v.mentioned(culprit); len(accused) > 0 {
			return words, who + " gave up" + where + " because of " + list(v.called(accused)), true
		}
		return words, who + " gave up" + where + ": " + words, true
	}
	return "", who + " " + did, true
}

var aStep = regexp.MustCompile(`^step ("(?:[^"\\]|\\.)*"): `)

// inStep removes the step from a reason and returns it, as in " in step 3 (verify)".
func (v view) inStep(reason string) (where, rest string) {
	at := aStep.FindStringSubmatch(reason)
	if at == nil {
		return "", reason
	}
	rest = reason[len(at[0]):]
	name, err := strconv.Unquote(at[1])
	if i := slices.Index(v.status.Steps, name); err == nil && i >= 0 {
		return fmt.Sprintf(" in step %d (%s)", i+1, name), rest
	}
	return " in step " + at[1], rest
}

// accused returns the members that are named in the reason of the member that gave up.
func (v view) accused() []int {
	teller, ok := v.teller()
	if words, _, told := v.told(); !ok || !told || words == "" {
		return nil
	}
	return v.mentioned(teller)
}

// atFault returns the member that gave up and the members that its reason names. It returns no
// members if the reason names nobody.
func (v view) atFault() []int {
	accused := v.accused()
	if len(accused) == 0 {
		return nil
	}
	teller, _ := v.teller()
	return append([]int{teller}, accused...)
}

var anOperator = regexp.MustCompile(`\boperator (\d+)\b`)

// named returns a text in which names of members replace "operator 2 (carol)" and "operator 2".
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

// mentioned returns the members that a reason names by their operator index, except for one.
func (v view) mentioned(but int) []int {
	text, _, _ := v.quoted()
	return slices.DeleteFunc(v.operators(text), func(i int) bool { return i == but })
}

// results holds members that attest the same result, as an error lists them.
type results struct {
	members []int
	count   int // includes members that are not named
	result  string
}

var (
	attesting = regexp.MustCompile(` attests? ([0-9a-f]+…?|nothing|[^,;"]*)`)
	unnamed   = regexp.MustCompile(` and (\d+) others$`)
)

// compared returns who attests what: this node and the members that agree with it, and the
// others. It returns nothing unless most members agree with this node.
func (v view) compared() (ours results, differ []results) {
	if !errors.Is(v.status.Err, syncmod.ErrResultMismatch) {
		return ours, nil
	}
	text := withoutAdvice(v.status.Err)
	text = text[max(0, strings.LastIndex(text, "results differ: ")):]
	for {
		at := attesting.FindStringSubmatchIndex(text)
		if at == nil {
			break
		}
		who, what := text[:at[0]], text[at[2]:at[3]]
		text = text[at[1]:]
		group := results{members: v.operators(who), result: what}
		if strings.Contains(who, "this node") {
			group.members = append([]int{v.self}, group.members...)
		}
		group.count = len(group.members)
		if more := unnamed.FindStringSubmatch(who); more != nil {
			n, _ := strconv.Atoi(more[1])
			group.count += n
		}
		if slices.Contains(group.members, v.self) {
			ours = group
		} else {
			differ = append(differ, group)
		}
	}
	others := 0
	for _, group := range differ {
		others += group.count
	}
	if ours.count <= others {
		return results{}, nil
	}
	return ours, differ
}

// differing returns the members whose result differs from that of this node and most others.
func (v view) differing() (members []int) {
	_, differ := v.compared()
	for _, group := range differ {
		members = append(members, group.members...)
	}
	return members
}

// operators returns the members that a text names by their operator index.
func (v view) operators(text string) (members []int) {
	for _, found := range anOperator.FindAllStringSubmatch(text, -1) {
		i, err := strconv.Atoi(found[1])
		if err == nil && i < len(v.names) && !slices.Contains(members, i) {
			members = append(members, i)
		}
	}
	return members
}

// called returns the names of members, with this node first.
func (v view) called(members []int) (names []string) {
	for _, i := range members {
		if i == v.self {
			names = append([]string{"this node"}, names...)
		} else {
			names = append(names, v.names[i])
		}
	}
	return names
}
