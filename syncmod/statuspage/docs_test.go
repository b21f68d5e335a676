package statuspage

import (
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Programs rely on the description of the document.
func TestEveryFieldIsDescribed(t *testing.T) {
	page, err := os.ReadFile("../../docs/statuspage.md")
	require.NoError(t, err)
	described := strings.NewReplacer("[]", "", ".", "`", "`", "`").Replace(string(page))

	for _, name := range fields(reflect.TypeFor[Document]()) {
		require.Contains(t, described, "`"+name+"`")
	}
}

// fields returns the names of all fields of a type, and of the types that it consists of.
func fields(of reflect.Type) (names []string) {
	switch {
	case of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice:
		return fields(of.Elem())
	case of.Kind() != reflect.Struct || of == reflect.TypeFor[time.Time]():
		return nil
	}
	for field := range of.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
		names = append(names, fields(field.Type)...)
	}
	return names
}
