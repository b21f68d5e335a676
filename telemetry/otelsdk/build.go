package otelsdk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/google/uuid"
	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/contrib/bridges/otellogrus"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel/attribute"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/dkgsync/dkgsync/internal/logbridge"
	"github.com/dkgsync/dkgsync/telemetry"
)

// build builds the parts that export a signal.
func (s *sdk) build(ctx context.Context, wanted signal) error {
	about, err := s.resource()
	if err != nil {
		return err
	}
	err = checkCertificates(wanted)
	if err == nil {
		switch wanted {
		case traces:
			err = s.buildTraces(ctx, about)
		case metrics:
			err = s.buildMetrics(ctx, about)
		case logs:
			err = s.buildLogs(ctx, about)
		}
	}
	if err != nil {
		return cannot(wanted, err)
	}
	return nil
}

// cannot returns the error of build: one line that names the variable of the exporter or producer, if it is set.
func cannot(wanted signal, err error) error {
	name, value := wanted.exporter(), get(wanted.exporter())
	if value == "" {
		name, value = "", "otlp" // an endpoint asks for it
	}
	const addressInUse = "set OTEL_EXPORTER_PROMETHEUS_PORT to another port for this node"
	const producers = "OTEL_METRICS_PRODUCERS"
	why := strings.Join(strings.Fields(err.Error()), " ")
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		why += ": " + addressInUse
	case !strings.Contains(why, "unknown exporter"):
	case wanted != metrics:
		why += ": it must be one of otlp, console, none"
	case slices.Contains([]string{"otlp", "prometheus", "console"}, value):
		// The exporter is known, so the unknown name is that of the producer.
		name, value = producers, get(producers)
		why += ": it must be prometheus or none"
	default:
		why += ": it must be one of otlp, prometheus, console, none"
	}
	exporter := fmt.Sprintf("exporter for %s=%q", name, value)
	if name == "" {
		exporter = "OTLP exporter"
	}
	return &buildError{text: fmt.Sprintf("making the %s: %s", exporter, why), err: err}
}

// buildError is an error whose text is one line.
type buildError struct {
	text string
	err  error
}

func (e *buildError) Error() string { return e.text }
func (e *buildError) Unwrap() error { return e.err }

func (s *sdk) buildTraces(ctx context.Context, about *resource.Resource) error {
	opts := []sdktrace.TracerProviderOption{sdktrace.WithResource(about)}
	for _, p := range s.processors {
		opts = append(opts, sdktrace.WithSpanProcessor(p))
	}
	counter := &spanCounter{errors: s.errors, over: s.over, limit: queueLimit()}
	if traces.wanted() {
		exporter, err := autoexport.NewSpanExporter(ctx)
		if err != nil {
			return err
		}
		batches := sdktrace.NewBatchSpanProcessor(counter.exporter(exporter))
		opts = append(opts, sdktrace.WithSpanProcessor(counter.processor(batches)))
	}
	made := sdktrace.NewTracerProvider(opts...)
	s.tracers.set(made)
	s.parts = append(s.parts, part{"traces", func(ctx context.Context) error {
		return errors.Join(made.Shutdown(ctx), counter.lost())
	}})
	return nil
}

func (s *sdk) buildMetrics(ctx context.Context, about *resource.Resource) error {
	reader, err := autoexport.NewMetricReader(ctx)
	if err != nil {
		return err
	}
	made := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(about))
	s.meters.set(made)
	s.parts = append(s.parts, part{"metrics", made.Shutdown})
	return nil
}

// buildLogs adds a hook to the logger that exports its lines.
func (s *sdk) buildLogs(ctx context.Context, about *resource.Resource) error {
	exporter, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return err
	}
	made := sdklog.NewLoggerProvider(
		sdklog.WithProcessor(sdklog.NewBatchProcessor(lineExporter{exporter, s.over})), sdklog.WithResource(about))
	var export logrus.Hook = otellogrus.NewHook(
		telemetry.ScopeName,
		otellogrus.WithVersion(telemetry.Version),
		otellogrus.WithLoggerProvider(made),
	)
	if s.bridged != nil {
		export = &bridgedLines{export, s.bridged}
	}
	remove := addHook(s.log, export)
	s.parts = append(s.parts, part{"logs", func(ctx context.Context) error {
		remove()
		return made.Shutdown(ctx)
	}})
	return nil
}

// bridgedLines exports the lines that the handler behind a bridge accepts. The bridge itself accepts every level.
type bridgedLines struct {
	logrus.Hook
	to slog.Handler
}

// Fire exports a line.
func (h *bridgedLines) Fire(e *logrus.Entry) error {
	if !logbridge.Enabled(h.to, e) {
		return nil
	}
	return h.Hook.Fire(e)
}

// lineExporter exports lines until its context (the field over) ends.
type lineExporter struct {
	sdklog.Exporter
	over context.Context
}

// Export exports lines.
func (e lineExporter) Export(ctx context.Context, lines []sdklog.Record) error {
	ctx, cancel := until(ctx, e.over)
	defer cancel()
	if err := e.Exporter.Export(ctx, lines); err != nil && e.over.Err() == nil {
		return fmt.Errorf("lost log lines: %d: %w", len(lines), err)
	}
	return nil
}

const (
	serviceName      attribute.Key = "service.name"
	serviceNamespace attribute.Key = "service.namespace"
	serviceInstance  attribute.Key = "service.instance.id"
)

// resource returns the description of this program. The operator's OTEL_* variables
// take precedence over the program's Identity. The resource for the Identity has no
// schema, because resources with different schemas cannot be merged.
func (s *sdk) resource() (*resource.Resource, error) {
	if s.identity.Instance == "" {
		s.identity.Instance = uuid.NewString()
	}
	if s.identity.Service == "" {
		s.identity.Service = filepath.Base(os.Args[0])
	}
	names := []attribute.KeyValue{
		serviceName.String(s.identity.Service), serviceInstance.String(s.identity.Instance),
	}
	if s.identity.Namespace != "" {
		names = append(names, serviceNamespace.String(s.identity.Namespace))
	}
	about := resource.Default()
	for _, more := range []*resource.Resource{resource.NewSchemaless(names...), resource.Environment()} {
		merged, err := resource.Merge(about, more)
		if err != nil {
			return nil, fmt.Errorf("describing this program for its telemetry: %w", err)
		}
		about = merged
	}
	return about, nil
}
