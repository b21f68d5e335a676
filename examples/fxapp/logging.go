package main

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/gologshim"
	"github.com/sirupsen/logrus"
	"github.com/spf13/pflag"
)

const textFormat, jsonFormat = "text", "json"

// logFlags says what a command logs, and in which format.
type logFlags struct{ level, format string }

func (f *logFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.level, "log-level", "info", "what to log: `level` debug, info, warning or error")
	flags.StringVar(&f.format, "log-format", textFormat, "`format` of the log, and of a node's result: text or json")
}

// logger makes the log of a node. libp2p's own log is for its developers, so only the debug level
// shows it.
func (f *logFlags) logger(out io.Writer) (*logrus.Logger, error) {
	levels := []string{"debug", "info", "warning", "error"}
	if !slices.Contains(levels, f.level) {
		return nil, fmt.Errorf("--log-level %q: it must be %s", f.level, strings.Join(levels, ", "))
	}
	level, err := logrus.ParseLevel(f.level)
	if err != nil {
		return nil, err
	}
	log := logrus.New()
	log.SetOutput(out)
	log.SetLevel(level)
	switch f.format {
	case textFormat:
		log.SetFormatter(plainText{})
	case jsonFormat:
		log.SetFormatter(&logrus.JSONFormatter{TimestampFormat: "2006-01-02T15:04:05.000Z07:00"})
	default:
		return nil, fmt.Errorf("--log-format %q: it must be %s or %s", f.format, textFormat, jsonFormat)
	}
	if level < logrus.DebugLevel {
		gologshim.SetDefaultHandler(slog.DiscardHandler)
	}
	return log, nil
}

// plainText writes log lines for people: the time, the attempt unless it is the first,
// the sentence, and the reason. The other fields repeat what the sentence says. JSON
// lines and debug lines have them too.
type plainText struct{}

// Format implements [logrus.Formatter].
func (plainText) Format(entry *logrus.Entry) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(entry.Time.Format("15:04:05.000  "))
	if entry.Level != logrus.InfoLevel {
		b.WriteString(strings.ToUpper(entry.Level.String()) + "  ")
	}
	if attempt, ok := entry.Data["attempt"]; ok {
		fmt.Fprintf(&b, "attempt %v: ", attempt)
	}
	b.WriteString(entry.Message)
	if err, ok := entry.Data[logrus.ErrorKey]; ok {
		fmt.Fprintf(&b, ": %v", err)
	}
	if entry.Level >= logrus.DebugLevel {
		for _, key := range slices.Sorted(maps.Keys(entry.Data)) {
			fmt.Fprintf(&b, " %s=%v", key, entry.Data[key])
		}
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
