package otelsdk

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Where OpenTelemetry's libraries cannot follow a variable they use a default, and say so in no log that an operator
// reads. So what they would read is checked before, by the rules that they follow.

// signal is a kind of telemetry.
type signal string

const (
	traces  signal = "TRACES"
	metrics signal = "METRICS"
	logs    signal = "LOGS"
)

// exporter is the variable that names the exporter of a signal.
func (s signal) exporter() string { return "OTEL_" + string(s) + "_EXPORTER" }

// otlp returns the variables of an OTLP setting that count for a signal: its own, and the one of all signals.
func (s signal) otlp(setting string) []string {
	const prefix = "OTEL_EXPORTER_OTLP_"
	return []string{prefix + string(s) + "_" + setting, prefix + setting}
}

// get returns the value of a variable without the spaces around it, which check refuses.
func get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// disabled tells whether the operator wants no SDK. The SDK does not ask.
func disabled() bool { return strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") }

// wanted tells whether a signal is to be exported: an exporter is named, or there is an endpoint to export to. The
// exporters' own default would be to post to this machine. A log has a place to go already, so it needs an exporter or
// an endpoint of its own.
func (s signal) wanted() bool {
	if disabled() {
		return false
	}
	if name := get(s.exporter()); name != "" {
		return name != "none"
	}
	own := s.otlp("ENDPOINT")
	return get(own[0]) != "" || s != logs && get(own[1]) != ""
}

// usesOTLP tells whether a signal that is wanted goes out by OTLP.
func (s signal) usesOTLP() bool { return slices.Contains([]string{"", "otlp"}, get(s.exporter())) }

// protocol returns which OTLP protocol a signal uses.
func (s signal) protocol() string {
	for _, name := range s.otlp("PROTOCOL") {
		if value := get(name); value != "" {
			return value
		}
	}
	return protocolHTTP
}

const (
	protocolGRPC = "grpc"
	protocolHTTP = "http/protobuf"
)

// check returns an error that says of each variable which cannot be followed why not, and what can be.
func check(wanted []signal) error {
	var wrong faults
	for _, s := range wanted {
		wrong.check(s.exporter(), anything)
		if s.usesOTLP() {
			wrong.checkOTLP(s)
		}
		for name, rule := range rulesOf[s] {
			wrong.check(name, rule)
		}
	}
	if slices.Contains(wanted, traces) {
		wrong.checkSampler()
	}
	if slices.Contains(wanted, metrics) && get(metrics.exporter()) == "prometheus" {
		wrong.check("OTEL_EXPORTER_PROMETHEUS_HOST", anything)
		wrong.check("OTEL_EXPORTER_PROMETHEUS_PORT", port)
	}
	if len(wanted) > 0 {
		wrong.checkSecret("OTEL_RESOURCE_ATTRIBUTES", pairs)
	}
	return wrong.err()
}

// faults are what is wrong with each variable.
type faults map[string]string

func (f *faults) add(name, why string) {
	if *f == nil {
		*f = make(faults)
	}
	(*f)[name] = why
}

// err returns one error for all, in one line.
func (f faults) err() error {
	if len(f) == 0 {
		return nil
	}
	texts := make([]string, 0, len(f))
	for name, why := range f {
		texts = append(texts, name+why)
	}
	slices.Sort(texts)
	return errors.New(strings.Join(texts, "; "))
}

// rule returns what is wrong with a value, or nothing.
type rule func(value string) string

// check applies a rule to a variable, unless it is not set. Some of OpenTelemetry's libraries take spaces off, and some
// do not.
func (f *faults) check(name string, r rule) {
	value := os.Getenv(name)
	if value == "" {
		return
	}
	why := "remove the spaces around it"
	if value == strings.TrimSpace(value) {
		why = r(value)
	}
	if why != "" {
		f.add(name, fmt.Sprintf("=%q: %s", shown(value), why))
	}
}

// checkSecret does so for a variable whose value is nobody's business.
func (f *faults) checkSecret(name string, r rule) {
	if value := get(name); value != "" {
		if why := r(value); why != "" {
			f.add(name, ": "+why)
		}
	}
}

// Whether an @ after a ? is of the password or of the query nobody knows.
var userOrQuery = regexp.MustCompile(`(?s)^[^?#]*[?#].*@.*|^.*@|[?#].*`)

// shown is a value without the secrets that a URL may have, however it is written.
func shown(value string) string { return userOrQuery.ReplaceAllString(value, "…") }

func (f *faults) checkOTLP(s signal) {
	for _, name := range s.otlp("PROTOCOL") {
		f.check(name, oneOf(protocolGRPC, protocolHTTP))
	}
	endpoints := s.otlp("ENDPOINT")
	if s == logs && get(endpoints[0]) != "" {
		endpoints = endpoints[:1] // the other one may be for the other signals only
	}
	for _, name := range endpoints {
		f.check(name, endpoint(s))
	}
	for _, name := range s.otlp("HEADERS") {
		f.checkSecret(name, headers)
	}
	for _, name := range s.otlp("TIMEOUT") {
		f.check(name, milliseconds)
	}
	for _, name := range s.otlp("COMPRESSION") {
		f.check(name, oneOf("gzip", "none"))
	}
	for _, setting := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"} {
		for _, name := range s.otlp(setting) {
			f.check(name, anything)
		}
	}
	for _, name := range s.otlp("INSECURE") {
		f.check(name, inLowerCase(oneOf("true", "false")))
	}
}

// rulesOf are the other variables that the SDK reads for a signal.
var rulesOf = map[signal]map[string]rule{
	traces: {
		"OTEL_BSP_SCHEDULE_DELAY": milliseconds, "OTEL_BSP_EXPORT_TIMEOUT": milliseconds,
		"OTEL_BSP_MAX_QUEUE_SIZE": count, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": count,
	},
	metrics: {
		"OTEL_METRIC_EXPORT_INTERVAL": milliseconds, "OTEL_METRIC_EXPORT_TIMEOUT": milliseconds,
		"OTEL_METRICS_EXEMPLAR_FILTER":                             oneOf("always_on", "always_off", "trace_based"),
		"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE":        oneOf("cumulative", "delta", "lowmemory"),
		"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": oneOf("explicit_bucket_histogram", exponential),
	},
	logs: {
		"OTEL_BLRP_SCHEDULE_DELAY": milliseconds, "OTEL_BLRP_EXPORT_TIMEOUT": milliseconds,
		"OTEL_BLRP_MAX_QUEUE_SIZE": count, "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE": count,
	},
}

const exponential = "base2_exponential_bucket_histogram"

// checkSampler checks how many spans are recorded.
func (f *faults) checkSampler() {
	const name, argument = "OTEL_TRACES_SAMPLER", "OTEL_TRACES_SAMPLER_ARG"
	const ratio, ofParent = "traceidratio", "parentbased_"
	f.check(name, inLowerCase(oneOf(
		"always_on", "always_off", ratio, ofParent+"always_on", ofParent+"always_off", ofParent+ratio)))
	if sampler := strings.ToLower(get(name)); sampler == ratio || sampler == ofParent+ratio {
		f.check(argument, func(value string) string {
			if share, err := strconv.ParseFloat(value, 64); err != nil || !(share >= 0 && share <= 1) {
				return "it must be the share of traces that are recorded, from 0 to 1, such as 0.1"
			}
			return ""
		})
	}
}

func anything(string) string { return "" }

func oneOf(values ...string) rule {
	return func(value string) string {
		if slices.Contains(values, value) {
			return ""
		}
		return "it must be one of " + strings.Join(values, ", ")
	}
}

func inLowerCase(r rule) rule { return func(value string) string { return r(strings.ToLower(value)) } }

// What is out of these bounds makes the SDK panic, run all the time, or use its default.
const (
	maxMilliseconds = 24 * 60 * 60 * 1000
	maxCount        = 1 << 20
)

func milliseconds(value string) string {
	if n, err := strconv.Atoi(value); err != nil || n <= 0 || n > maxMilliseconds {
		return fmt.Sprintf("it must be a number of milliseconds, from 1 to %d (a day), such as 5000", maxMilliseconds)
	}
	return ""
}

func count(value string) string {
	if n, err := strconv.Atoi(value); err != nil || n <= 0 || n > maxCount {
		return fmt.Sprintf("it must be a number from 1 to %d, such as 512", maxCount)
	}
	return ""
}

func port(value string) string {
	if _, err := strconv.ParseUint(value, 10, 16); err != nil {
		return "it must be a port, such as 9464"
	}
	return ""
}

// endpoint returns the rule for a place to export to. A host without a scheme looks like a scheme to net/url. The
// exporters of traces and metrics pass targets on that gRPC knows, and the one of the log passes only a host on.
func endpoint(s signal) rule {
	example := "it must be a URL such as http://127.0.0.1:4318"
	schemes := []string{"http", "https"}
	if s.protocol() == protocolGRPC {
		example = "it must be a URL such as http://127.0.0.1:4317"
		if s != logs {
			schemes = append(schemes, "unix", "unix-abstract", "dns", "passthrough")
		}
	}
	return func(value string) string {
		u, err := url.Parse(value)
		switch {
		case err != nil:
			return example // the error quotes parts of the value, which may be of a password
		case !slices.Contains(schemes, strings.ToLower(u.Scheme)):
			return example + ", with one of the schemes " + strings.Join(schemes, ", ")
		case !strings.HasPrefix(strings.ToLower(u.Scheme), "http"): // a target of gRPC
			return ""
		case u.Hostname() == "":
			return example + ": the host is missing"
		case u.Port() != "" && port(u.Port()) != "":
			return example + ": " + u.Port() + " is not a port"
		}
		return ""
	}
}

var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

// headers is the rule for name=value,name=value. It does not quote them.
func headers(value string) string {
	for i, pair := range strings.Split(value, ",") {
		name, content, found := strings.Cut(pair, "=")
		_, err := url.PathUnescape(content)
		if !found || !headerName.MatchString(strings.TrimSpace(name)) || err != nil {
			return fmt.Sprintf("it must be headers such as name=value,name=value with values in URL "+
				"encoding: number %d is not", i+1)
		}
	}
	return ""
}

// pairs is the rule for attributes. It does not quote them.
func pairs(value string) string {
	for i, pair := range strings.Split(value, ",") {
		name, content, found := strings.Cut(pair, "=")
		if _, err := url.PathUnescape(content); !found || strings.TrimSpace(name) == "" || err != nil {
			return fmt.Sprintf("it must be attributes such as name=value,name=value with values in URL "+
				"encoding: number %d is not", i+1)
		}
	}
	return ""
}
