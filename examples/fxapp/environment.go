package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// variable returns the environment variable of a flag: FXAPP_DATA_DIR for --data-dir.
func variable(flag *pflag.Flag) string {
	return "FXAPP_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
}

// nameVariables adds to the help of each flag the environment variable that sets it.
func nameVariables(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		flag.Usage = fmt.Sprintf("%s [%s]", flag.Usage, variable(flag))
	})
}

// setFromEnvironment sets the flags that the command line does not set.
func setFromEnvironment(cmd *cobra.Command) error {
	var failed error
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		value := strings.TrimSpace(os.Getenv(variable(flag)))
		if flag.Changed || flag.Name == "help" || value == "" || failed != nil {
			return
		}
		if _, isList := flag.Value.(pflag.SliceValue); isList {
			value = strings.Join(strings.FieldsFunc(value, isSeparator), ",")
		}
		if err := cmd.Flags().Set(flag.Name, value); err != nil {
			failed = fmt.Errorf("%s: %w", variable(flag), explainFlag(cmd, err))
		}
	})
	return failed
}

// isSeparator reports whether a rune separates the entries of a list.
func isSeparator(r rune) bool { return r == ',' || unicode.IsSpace(r) }

// explainFlag turns an error of the flag parser into a sentence for the person who typed the
// command.
func explainFlag(cmd *cobra.Command, err error) error {
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return fmt.Errorf("--%s %s: it must be %s", e.GetFlag().Name, shown(e.GetValue()), kindOf(e.GetFlag()))
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return fmt.Errorf("--%s needs a value: %s --help shows which", e.GetSpecifiedName(), cmd.CommandPath())
	}
	return fmt.Errorf("%w: %s --help lists the flags", err, cmd.CommandPath())
}

// kindOf says what values a flag takes.
func kindOf(flag *pflag.Flag) string {
	switch flag.Value.Type() {
	case "int", "count":
		return "a whole number"
	case "duration":
		return "a time such as 90s or 10m"
	case "bool":
		return "true or false"
	case "stringSlice":
		return "a comma-separated list"
	}
	return "a " + flag.Value.Type()
}
