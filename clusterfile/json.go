package clusterfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// unmarshal parses JSON. Its errors say where the text is wrong. what names the
// expected content, in words.
func unmarshal(text string, into any, what string) error {
	err := json.Unmarshal([]byte(text), into)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if e.Field == "" {
			return fmt.Errorf("it is not %s: it is a JSON %s", what, cut(e.Value))
		}
		return fmt.Errorf("%s: a JSON %s is not allowed here in %s", e.Field, cut(e.Value), what)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		if !strings.HasPrefix(text, "{") {
			// The text may be a key, so the error contains no part of it.
			return fmt.Errorf("it is not %s: it is not JSON", what)
		}
		line := 1 + strings.Count(text[:e.Offset], "\n")
		return fmt.Errorf("it is not valid JSON, line %d: %w; copy the file again", line, e)
	}
	return err
}

// checkKeys refuses JSON that contains a field twice, because encoding/json would merge
// the two. It checks the three levels that are read: the file, the list of members, and
// the fields of a member.
func checkKeys(text string) error {
	return checkKeysOf(json.NewDecoder(strings.NewReader(text)), 3)
}

// checkKeysOf compares keys as encoding/json does, without regard to case.
func checkKeysOf(decoder *json.Decoder, levels int) error {
	if levels == 0 {
		return decoder.Decode(new(json.RawMessage))
	}
	start, err := decoder.Token()
	if err != nil || start != json.Delim('{') && start != json.Delim('[') {
		return err
	}
	keys := make(map[string]bool)
	for decoder.More() {
		if start == json.Delim('{') {
			token, err := decoder.Token()
			if err != nil {
				return err
			}
			key, _ := token.(string)
			if keys[fold(key)] {
				return fmt.Errorf("the field %s appears twice: get the file again from the person who made it",
					quote(key))
			}
			keys[fold(key)] = true
		}
		if err := checkKeysOf(decoder, levels-1); err != nil {
			return err
		}
	}
	_, err = decoder.Token() // the closing bracket
	return err
}

// fold returns the same text for keys that differ only by case. It also covers
// characters that strings.ToLower does not, such as ſ, which matches s.
func fold(key string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, key)
}

// checkKnown refuses fields that the type does not have.
func checkKnown(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: was it misspelt?", cut(strings.TrimPrefix(err.Error(), "json: ")))
	}
	return nil
}

// quote makes text from a file safe for an error: printable and short.
func quote(text string) string { return fmt.Sprintf("%q", cut(text)) }

// cut shortens long text.
func cut(text string) string {
	const enough = 80 // bytes
	if len(text) > enough {
		end := enough
		for !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end] + "…"
	}
	return text
}
