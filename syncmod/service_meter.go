package syncmod

import (
	"reflect"
	"sync"
	"time"

	"github.com/sirupsen/logrus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
)

// metering counts the running services by the provider of their metrics.
var metering = struct {
	sync.Mutex
	services map[metric.MeterProvider]int
}{services: make(map[metric.MeterProvider]int)}

// noMeter is OpenTelemetry's global provider while the program has not set one. It
// does not record anything.
var noMeter = otel.GetMeterProvider()

// startMetering counts the service, and warns when another service of this process
// has the same meter provider. A metric does not say which service it belongs to:
// the counts of two services add up, and their levels overwrite each other. The
// caller holds the service's lock.
func (s *Service) startMetering() {
	provider := s.meter
	if provider == nil {
		provider = otel.GetMeterProvider()
	}
	if provider == noMeter || reflect.ValueOf(provider).Kind() != reflect.Pointer {
		return // OpenTelemetry's no-op provider is not a pointer, and records nothing
	}
	metering.Lock()
	defer metering.Unlock()
	if metering.services[provider]++; metering.services[provider] > 1 {
		s.telemetry.Notice(time.Now(), logrus.WarnLevel,
			"another service of this process has the same metric.MeterProvider, so nobody can tell their metrics "+
				"apart: give each service its own")
	}
	s.metered = provider
}

// stopMetering removes the service from the count. The caller holds the
// service's lock.
func (s *Service) stopMetering() {
	if s.metered == nil {
		return
	}
	metering.Lock()
	defer metering.Unlock()
	if metering.services[s.metered]--; metering.services[s.metered] == 0 {
		delete(metering.services, s.metered)
	}
	s.metered = nil
}
