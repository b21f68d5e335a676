package otelsdk_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel"
	"go.uber.org/fx"
	"go.uber.org/goleak"

	"github.com/dkgsync/dkgsync/telemetry"
)

func TestABadSettingIsNamed(t *testing.T) {
	const general = "OTEL_EXPORTER_OTLP_ENDPOINT"
	for about, test := range map[string]struct {
		set  []string
		want string
	}{
		"an address without a scheme": {
			[]string{general, "127.0.0.1:4318"},
			`OTEL_EXPORTER_OTLP_ENDPOINT="127.0.0.1:4318": it must be a URL such as http://127.0.0.1:4318`,
		},
		"a host without a scheme": {
			[]string{general, "collector:4318"},
			`OTEL_EXPORTER_OTLP_ENDPOINT="collector:4318": it must be a URL such as http://127.0.0.1:4318`,
		},
		"a bracket that is not closed": {[]string{general, "http://[::1:4318"}, "http://127.0.0.1:4318"},
		"an impossible port":           {[]string{general, "http://collector:99999"}, "99999 is not a port"},
		"a port that is a word":        {[]string{general, "http://collector:grpc"}, general},
		"no host":                      {[]string{general, "http://:4318"}, "the host is missing"},
		"another scheme":               {[]string{general, "ftp://collector"}, "one of the schemes http, https"},
		"an endpoint of one signal": {
			[]string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "collector:4318"}, "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
		},
		"an endpoint of the log": {
			[]string{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "collector:4318"}, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
		},
		"an endpoint for gRPC": {
			[]string{general, "collector:4317", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, "http://127.0.0.1:4317",
		},
		"a target of gRPC that the exporter of the log does not pass on": {
			[]string{
				"OTEL_LOGS_EXPORTER", "otlp", general, "unix:///run/otel.sock", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
			},
			`OTEL_EXPORTER_OTLP_ENDPOINT="unix:///run/otel.sock": it must be a URL such as http://127.0.0.1:4317`,
		},
		"a target that the gRPC of Go does not know": {
			[]string{general, "ipv4:127.0.0.1:4317", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
			"with one of the schemes http, https, unix, unix-abstract, dns, passthrough",
		},
		"a protocol": {
			[]string{general, "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"},
			`OTEL_EXPORTER_OTLP_PROTOCOL="http/json": it must be one of grpc, http/protobuf`,
		},
		"a protocol of one signal": {
			[]string{general, "http://c", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "udp"},
			`OTEL_EXPORTER_OTLP_TRACES_PROTOCOL="udp"`,
		},
		"a sampler": {
			[]string{"OTEL_TRACES_EXPORTER", "otlp", "OTEL_TRACES_SAMPLER", "sometimes"},
			`OTEL_TRACES_SAMPLER="sometimes": it must be one of always_on, always_off, traceidratio, `,
		},
		"a share in percent": {
			[]string{
				"OTEL_TRACES_EXPORTER", "otlp",
				"OTEL_TRACES_SAMPLER", "traceidratio", "OTEL_TRACES_SAMPLER_ARG", "10%",
			},
			`OTEL_TRACES_SAMPLER_ARG="10%": it must be the share of traces that are recorded, from 0 to 1`,
		},
		"a share above 1": {
			[]string{
				"OTEL_TRACES_EXPORTER", "otlp",
				"OTEL_TRACES_SAMPLER", "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG", "10",
			},
			`OTEL_TRACES_SAMPLER_ARG="10"`,
		},
		"a share that is no number": {
			[]string{
				"OTEL_TRACES_EXPORTER", "otlp",
				"OTEL_TRACES_SAMPLER", "TraceIDRatio", "OTEL_TRACES_SAMPLER_ARG", "NaN",
			},
			`OTEL_TRACES_SAMPLER_ARG="NaN"`,
		},
		"a timeout": {
			[]string{general, "http://c", "OTEL_EXPORTER_OTLP_TIMEOUT", "10s"},
			`OTEL_EXPORTER_OTLP_TIMEOUT="10s": it must be a number of milliseconds`,
		},
		"a compression": {
			[]string{general, "http://c", "OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", "zstd"},
			`OTEL_EXPORTER_OTLP_METRICS_COMPRESSION="zstd": it must be one of gzip, none`,
		},
		"a flag": {
			[]string{general, "http://c", "OTEL_EXPORTER_OTLP_INSECURE", "yes"}, `OTEL_EXPORTER_OTLP_INSECURE="yes"`,
		},
		"a header": {
			[]string{general, "http://c", "OTEL_EXPORTER_OTLP_HEADERS", "a=b,hunter2"},
			"OTEL_EXPORTER_OTLP_HEADERS: it must be headers such as name=value,name=value",
		},
		"a queue": {
			[]string{general, "http://c", "OTEL_BSP_MAX_QUEUE_SIZE", "0"}, `OTEL_BSP_MAX_QUEUE_SIZE="0"`,
		},
		"a queue that does not fit into memory": {
			[]string{general, "http://c", "OTEL_BSP_MAX_QUEUE_SIZE", "99999999999999999"},
			`OTEL_BSP_MAX_QUEUE_SIZE="99999999999999999": it must be a number from 1 to 1048576`,
		},
		"a queue of the log that does not fit into memory": {
			[]string{"OTEL_LOGS_EXPORTER", "console", "OTEL_BLRP_MAX_QUEUE_SIZE", "1048577"},
			`OTEL_BLRP_MAX_QUEUE_SIZE="1048577"`,
		},
		"no delay": {
			[]string{general, "http://c", "OTEL_BSP_SCHEDULE_DELAY", "0"},
			`OTEL_BSP_SCHEDULE_DELAY="0": it must be a number of milliseconds, from 1 to 86400000`,
		},
		"an interval of nothing": {
			[]string{general, "http://c", "OTEL_METRIC_EXPORT_INTERVAL", "0"}, `OTEL_METRIC_EXPORT_INTERVAL="0"`,
		},
		"an interval of more than a day": {
			[]string{general, "http://c", "OTEL_METRIC_EXPORT_INTERVAL", "99999999999999999"},
			`OTEL_METRIC_EXPORT_INTERVAL="99999999999999999"`,
		},
		"an interval with a space": {
			[]string{general, "http://c", "OTEL_METRIC_EXPORT_INTERVAL", " 7000"},
			`OTEL_METRIC_EXPORT_INTERVAL=" 7000": remove the spaces around it`,
		},
		"an exporter with spaces": {
			[]string{"OTEL_TRACES_EXPORTER", " otlp "}, `OTEL_TRACES_EXPORTER=" otlp ": remove the spaces around it`,
		},
		"a protocol with a space": {
			[]string{general, "http://c", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc "},
			`OTEL_EXPORTER_OTLP_PROTOCOL="grpc ": remove the spaces around it`,
		},
		"an endpoint with a space": {
			[]string{general, "http://c\n"}, `OTEL_EXPORTER_OTLP_ENDPOINT="http://c\n": remove the spaces around it`,
		},
		"an interval": {
			[]string{"OTEL_METRICS_EXPORTER", "otlp", "OTEL_METRIC_EXPORT_INTERVAL", "1m"},
			`OTEL_METRIC_EXPORT_INTERVAL="1m"`,
		},
		"buckets": {
			[]string{general, "http://c", "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", "native"},
			"it must be one of explicit_bucket_histogram, base2_exponential_bucket_histogram",
		},
		"a port of prometheus": {
			[]string{"OTEL_METRICS_EXPORTER", "prometheus", "OTEL_EXPORTER_PROMETHEUS_PORT", "metrics"},
			`OTEL_EXPORTER_PROMETHEUS_PORT="metrics"`,
		},
		"attributes": {
			[]string{general, "http://c", "OTEL_RESOURCE_ATTRIBUTES", "token=hunter2,alice=hunter2%"},
			"OTEL_RESOURCE_ATTRIBUTES: it must be attributes such as name=value,name=value " +
				"with values in URL encoding: attribute number 2 has another form",
		},
		"two at once": {
			[]string{general, "collector:4318", "OTEL_TRACES_SAMPLER", "sometimes"},
			`it must be one of always_on`,
		},
	} {
		t.Run(about, func(t *testing.T) {
			configure(t, test.set...)

			err := newProgram().app.Err()

			require.ErrorContains(t, err, test.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestAnEndpointsPasswordIsHidden(t *testing.T) {
	for _, endpoint := range []string{
		"ftp://bob:hunter2@collector", "http://bob:hunter2@[::1", "http://bob:hunt er2@c?k=hunter2",
		"bob:hunter2@collector:4318", "http//bob:hunter2@collector:4318", "http://bob:hun/ter2@collector",
		"http://bob:hun?ter2@collector", "ftp://collector/?mail=bob@hunter2", "http://bob:hun#ter2@collector",
	} {
		configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)

		err := newProgram().app.Err()

		require.ErrorContains(t, err, "OTEL_EXPORTER_OTLP_ENDPOINT")
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "er2@")
		require.NotContains(t, err.Error(), "hun")
	}
}

func TestUnusedSettingsMayBeAnything(t *testing.T) {
	for about, set := range map[string][]string{
		"nothing is exported":     {"OTEL_TRACES_SAMPLER", "sometimes", "OTEL_EXPORTER_OTLP_TIMEOUT", "10s"},
		"the SDK is disabled":     {"OTEL_SDK_DISABLED", "true", "OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318"},
		"the exporter is none":    {"OTEL_METRICS_EXPORTER", "none", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "c:1"},
		"no endpoint asks for it": {"OTEL_TRACES_EXPORTER", "none", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "c:1"},
	} {
		t.Run(about, func(t *testing.T) {
			configure(t, set...)

			require.NoError(t, newProgram().app.Err())
		})
	}
}

func TestGoodSettingsAreAccepted(t *testing.T) {
	b := newBackend(t)
	for _, set := range [][]string{
		{"OTEL_EXPORTER_OTLP_ENDPOINT", b.URL + "/"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1]:4317", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "unix:///run/otel.sock", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
		{"OTEL_EXPORTER_OTLP_ENDPOINT", "unix-abstract:otel", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
		{
			"OTEL_EXPORTER_OTLP_ENDPOINT", "unix:///run/otel.sock", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
			"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://c:4317",
		},
		{
			"OTEL_EXPORTER_OTLP_ENDPOINT", b.URL,
			"OTEL_EXPORTER_OTLP_HEADERS", "Authorization=Basic%20Ym9i, x-scope=1",
			"OTEL_EXPORTER_OTLP_COMPRESSION", "gzip",
			"OTEL_EXPORTER_OTLP_TIMEOUT", "5000", "OTEL_EXPORTER_OTLP_INSECURE", "TRUE",
			"OTEL_TRACES_SAMPLER", "ParentBased_TraceIDRatio", "OTEL_TRACES_SAMPLER_ARG", "0.1",
			"OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=alice,a=b",
		},
	} {
		configure(t, set...)

		require.NoError(t, newProgram().app.Err(), set)
	}
}

func TestAPortInUseIsNamedInOneLine(t *testing.T) {
	taken := silentAddress(t)
	host, port, err := net.SplitHostPort(taken)
	require.NoError(t, err)
	configure(t, "OTEL_METRICS_EXPORTER", "prometheus",
		"OTEL_EXPORTER_PROMETHEUS_HOST", host, "OTEL_EXPORTER_PROMETHEUS_PORT", port)
	p := newProgram()
	require.NoError(t, p.app.Err())

	err = p.app.Start(t.Context())

	require.ErrorContains(t, err, taken)
	require.ErrorContains(t, err, "set OTEL_EXPORTER_PROMETHEUS_PORT to another port")
	require.NotContains(t, err.Error(), "\n")
}

func TestBadCertificatesAreNamed(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	require.NoError(t, os.WriteFile(empty, nil, 0o600))
	for _, test := range []struct{ variable, file string }{
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere.pem"},
		{"OTEL_EXPORTER_OTLP_CERTIFICATE", empty},
		{"OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", empty},
	} {
		configure(t, "OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1", test.variable, test.file)

		err := newProgram().app.Start(t.Context())

		require.ErrorContains(t, err, "making the OTLP exporter: "+test.variable)
	}
}

// everything configures the export of every signal. Prometheus gets
// the metrics at the given address.
func everything(t *testing.T, address string) {
	t.Helper()
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	configure(t, "OTEL_TRACES_EXPORTER", "otlp", "OTEL_LOGS_EXPORTER", "otlp", "OTEL_METRICS_EXPORTER", "prometheus",
		"OTEL_EXPORTER_OTLP_ENDPOINT", "http://"+closedAddress(t), "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
		"OTEL_EXPORTER_PROMETHEUS_HOST", host, "OTEL_EXPORTER_PROMETHEUS_PORT", port)
}

func TestAStoppedAppLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	everything(t, "127.0.0.1:0")
	p := newProgram(hasty())

	for range 2 {
		p.run(t)
	}

	require.Empty(t, p.log.Hooks)
}

func TestAFailedStartLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	everything(t, silentAddress(t))
	before := otel.GetErrorHandler()
	p := newProgram()

	require.ErrorContains(t, p.app.Start(t.Context()), "OTEL_EXPORTER_PROMETHEUS_PORT")

	require.Empty(t, p.log.Hooks)
	require.Equal(t, before, otel.GetErrorHandler())
}

// fx calls no OnStop hook of an app whose start timed out.
func TestAnAppCanStartAfterATimeout(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	everything(t, closedAddress(t))
	before := otel.GetErrorHandler()
	first, timeOut := context.WithCancel(t.Context())
	p := newProgram(hasty(), fx.Invoke(func(lc fx.Lifecycle, _ telemetry.Providers) {
		lc.Append(fx.StartHook(func(ctx context.Context) error {
			timeOut()
			return ctx.Err()
		}))
	}))
	require.ErrorIs(t, p.app.Start(first), context.Canceled)

	require.Eventually(t, func() bool { // fx may still be rolling back the first start
		return p.app.Start(context.Background()) == nil
	}, patience, time.Millisecond)
	p.stop(t)

	require.Empty(t, p.log.Hooks)
	require.Equal(t, before, otel.GetErrorHandler())
}

// fx calls no OnStop hook of an app that it could not build.
func TestAnUnbuiltAppLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	address := closedAddress(t)
	everything(t, address)
	p := newProgram(fx.Invoke(func() error { return errors.New("a bad configuration") }))
	require.Error(t, p.app.Err())

	var config net.ListenConfig
	l, err := config.Listen(t.Context(), "tcp", address)

	require.NoError(t, err, "nobody listens there")
	require.NoError(t, l.Close())
	require.Empty(t, p.log.Hooks)
}
