package clusterfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// unmarshal reads JSON, and says where it is wrong. what is what it has to be.
func unmarshal(text string, into any, what string) error {
	err := json.Unmarshal([]byte(text), into)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		if e.Field == "" {
			return fmt.Errorf("it is not %s: it is a JSON %s", what, e.Value)
		}
		return fmt.Errorf("%s: it is a JSON %s, which it cannot be in %s", e.Field, e.Value, what)
	}
	if e, ok := errors.AsType[*json.SyntaxError](err); ok {
		if !strings.HasPrefix(text, "{") {
			return fmt.Errorf("it is not %s: it is not JSON", what) // without a character of it: who knows what it is
		}
		line := 1 + strings.Count(text[:e.Offset], "\n")
		return fmt.Errorf("it is not valid JSON, line %d: %w; copy the file again", line, e)
	}
	return err
}

// unmarshalKnown is unmarshal, and refuses fields that it does not know.
func unmarshalKnown(text string, into any, what string) error {
	if err := unmarshal(text, into, what); err != nil {
		return err
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("%s: was it misspelt?", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// quote makes foreign text fit for an error: printable and short.
func quote(text string) string {
	const enough = 80 // bytes
	if len(text) > enough {
		cut := enough
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return fmt.Sprintf("%q", text)
}
