package otelsdk

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"go.opentelemetry.io/contrib/bridges/otellogrus"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/dkgsync/dkgsync/telemetry"
)

// The variables that ask for an exporter, for each signal.
const (
	tracesExporter  = "OTEL_TRACES_EXPORTER"
	metricsExporter = "OTEL_METRICS_EXPORTER"
	logsExporter    = "OTEL_LOGS_EXPORTER"

	endpoint        = "OTEL_EXPORTER_OTLP_ENDPOINT"
	tracesEndpoint  = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
	metricsEndpoint = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"
	logsEndpoint    = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"
)

// disabled tells whether the operator wants no SDK. The SDK does not ask.
func disabled() bool { return strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") }

// asked tells whether an exporter is wanted: one that is named, or an endpoint to
// export to. The exporters' own default would be to post to this machine.
func asked(exporter string, endpoints ...string) bool {
	if disabled() {
		return false
	}
	if name := os.Getenv(exporter); name != "" {
		return name != "none"
	}
	for _, e := range endpoints {
		if os.Getenv(e) != "" {
			return true
		}
	}
	return false
}

// cannot says which variable cannot be followed.
func cannot(exporter string, err error) error {
	return fmt.Errorf("making the exporter that %s=%q asks for: %w", exporter, os.Getenv(exporter), err)
}

// traces sets where spans go, unless the program has said so.
func (s *sdk) traces(own trace.TracerProvider, to *trace.TracerProvider) error {
	if own != nil {
		*to = own
		return nil
	}
	if !asked(tracesExporter, tracesEndpoint, endpoint) {
		return nil
	}
	exporter, err := autoexport.NewSpanExporter(context.Background())
	if err != nil {
		return cannot(tracesExporter, err)
	}
	about, err := s.resource()
	if err != nil {
		return err
	}
	made := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	s.parts = append(s.parts, part{"traces", made.Shutdown})
	*to = made
	return nil
}

// metrics sets where metrics go, unless the program has said so.
func (s *sdk) metrics(own metric.MeterProvider, to *metric.MeterProvider) error {
	if own != nil {
		*to = own
		return nil
	}
	if !asked(metricsExporter, metricsEndpoint, endpoint) {
		return nil
	}
	reader, err := autoexport.NewMetricReader(context.Background())
	if err != nil {
		return cannot(metricsExporter, err)
	}
	about, err := s.resource()
	if err != nil {
		return err
	}
	made := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(about))
	s.parts = append(s.parts, part{"metrics", made.Shutdown})
	*to = made
	return nil
}

// logs bridges the logger, when the operator wants its lines exported.
func (s *sdk) logs() error {
	if !asked(logsExporter, logsEndpoint) {
		return nil
	}
	exporter, err := autoexport.NewLogExporter(context.Background())
	if err != nil {
		return cannot(logsExporter, err)
	}
	about, err := s.resource()
	if err != nil {
		return err
	}
	batches := sdklog.NewBatchProcessor(exporter)
	made := sdklog.NewLoggerProvider(sdklog.WithProcessor(batches), sdklog.WithResource(about))
	s.parts = append(s.parts, part{"logs", made.Shutdown})
	s.log.AddHook(otellogrus.NewHook(
		telemetry.ScopeName,
		otellogrus.WithVersion(telemetry.Version),
		otellogrus.WithLoggerProvider(made),
	))
	return nil
}

const (
	serviceName     attribute.Key = "service.name"
	serviceInstance attribute.Key = "service.instance.id"
)

// resource says who emits. What the operator says in OTEL_* counts more than the
// program's name for itself. It carries no schema: two that differ cannot be
// merged.
func (s *sdk) resource() (*resource.Resource, error) {
	if s.identity.Instance == "" {
		s.identity.Instance = uuid.NewString()
	}
	if s.identity.Service == "" {
		s.identity.Service = filepath.Base(os.Args[0])
	}
	about := resource.Default()
	for _, more := range []*resource.Resource{
		resource.NewSchemaless(serviceName.String(s.identity.Service), serviceInstance.String(s.identity.Instance)),
		resource.Environment(),
	} {
		merged, err := resource.Merge(about, more)
		if err != nil {
			return nil, fmt.Errorf("describing this program for its telemetry: %w", err)
		}
		about = merged
	}
	return about, nil
}
