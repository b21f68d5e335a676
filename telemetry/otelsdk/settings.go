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

// OpenTelemetry's libraries replace a bad value of a variable with a default, and no log that an operator reads says
// so. This file checks the variables first, by the rules of these libraries.

// signal is a kind of telemetry.
type signal string

const (
	traces  signal = "TRACES"
	metrics signal = "METRICS"
	logs    signal = "LOGS"
)

// exporter returns the variable that names the exporter of a signal.
func (s signal) exporter() string { return "OTEL_" + string(s) + "_EXPORTER" }

// otlp returns the variables of an OTLP setting for a signal: first the signal's own, then that for all signals.
func (s signal) otlp(setting string) []string {
	const prefix = "OTEL_EXPORTER_OTLP_"
	return []string{prefix + string(s) + "_" + setting, prefix + setting}
}

// get returns the value of a variable without the spaces around it. For most variables, check refuses a value with such
// spaces.
func get(name string) string { return strings.TrimSpace(os.Getenv(name)) }

// disabled reports whether the operator has disabled the SDK. The SDK itself does not check that.
func disabled() bool { return strings.EqualFold(get("OTEL_SDK_DISABLED"), "true") }

// wanted reports whether to export a signal. The operator must name an exporter or an endpoint, because the exporters'
// own default is to post to this machine. The general endpoint is not enough for the log, which is already written
// elsewhere: it needs an exporter or an endpoint of its own.
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

// usesOTLP reports whether a wanted signal is exported by OTLP.
func (s signal) usesOTLP() bool { return slices.Contains([]string{"", "otlp"}, get(s.exporter())) }

// protocol returns the OTLP protocol of a signal.
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

// check returns an error that names each variable with a bad value, and says which values are valid.
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

// faults holds, for each bad variable, what is wrong with it.
type faults map[string]string

func (f *faults) add(name, why string) {
	if *f == nil {
		*f = make(faults)
	}
	(*f)[name] = why
}

// err returns one error for all faults, in one line.
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

// rule returns what is wrong with a value, or an empty text.
type rule func(value string) string

// check applies a rule to a variable if it is set. It refuses spaces around the value, because only some of
// OpenTelemetry's libraries remove them.
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

// checkSecret is like check, for a variable whose value must not appear in an error.
func (f *faults) checkSecret(name string, r rule) {
	if value := get(name); value != "" {
		if why := r(value); why != "" {
			f.add(name, ": "+why)
		}
	}
}

// userOrQuery matches the parts of a URL that may contain secrets. If an @ follows a ? or a #, it may end a password or
// belong to the query, so everything is hidden.
var userOrQuery = regexp.MustCompile(`(?s)^[^?#]*[?#].*@.*|^.*@|[?#].*`)

// shown returns a value without the secrets that a URL may have, even if the URL is malformed.
func shown(value string) string { return userOrQuery.ReplaceAllString(value, "…") }

func (f *faults) checkOTLP(s signal) {
	for _, name := range s.otlp("PROTOCOL") {
		f.check(name, oneOf(protocolGRPC, protocolHTTP))
	}
	endpoints := s.otlp("ENDPOINT")
	if s == logs && get(endpoints[0]) != "" {
		endpoints = endpoints[:1] // the general endpoint may be for the other signals only
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

// rulesOf holds the rules for the other variables that the SDK reads for a signal.
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

// checkSampler checks the variables that decide how many traces are recorded.
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

// A value outside these bounds makes the SDK panic, run all the time, or use its default.
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

// endpoint returns the rule for an OTLP endpoint of a signal. If a URL has no scheme, net/url mistakes its host for
// one. The gRPC exporters of traces and metrics accept any target that gRPC accepts. The gRPC exporter of the log only
// accepts a host.
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
			return example // the error quotes parts of the value, which may be parts of a password
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

// headers is the rule for headers such as name=value,name=value. It does not quote them.
func headers(value string) string {
	for i, pair := range strings.Split(value, ",") {
		name, content, found := strings.Cut(pair, "=")
		_, err := url.PathUnescape(content)
		if !found || !headerName.MatchString(strings.TrimSpace(name)) || err != nil {
			return fmt.Sprintf("it must be headers such as name=value,name=value with values in URL "+
				"encoding: header number %d has another form", i+1)
		}
	}
	return ""
}

// pairs is the rule for resource attributes. It does not quote them.
func pairs(value string) string {
	for i, pair := range strings.Split(value, ",") {
		name, content, found := strings.Cut(pair, "=")
		if _, err := url.PathUnescape(content); !found || strings.TrimSpace(name) == "" || err != nil {
			return fmt.Sprintf("it must be attributes such as name=value,name=value with values in URL "+
				"encoding: attribute number %d has another form", i+1)
		}
	}
	return ""
}
