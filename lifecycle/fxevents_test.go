package lifecycle_test

import (
	"syscall"
	"time"

	"github.com/sirupsen/logrus"
	"go.uber.org/fx/fxevent"
)

// fxEvents has every type of event, successful and failed, with the line that it becomes.
var fxEvents = []struct {
	event   fxevent.Event
	level   logrus.Level
	message string
	fields  logrus.Fields
}{
	{
		&fxevent.OnStartExecuting{FunctionName: "f", CallerName: "c"},
		logrus.DebugLevel, "fx: OnStart hook starts",
		logrus.Fields{"function": "f", "caller": "c"},
	},
	{
		&fxevent.OnStartExecuted{FunctionName: "f", CallerName: "c", Method: "OnStart", Runtime: time.Second},
		logrus.DebugLevel, "fx: OnStart hook",
		logrus.Fields{"function": "f", "caller": "c", "method": "OnStart", "runtime": "1s"},
	},
	{
		&fxevent.OnStartExecuted{FunctionName: "f", CallerName: "c", Err: errDisk},
		logrus.ErrorLevel, "fx: OnStart hook failed",
		logrus.Fields{"function": "f", "caller": "c", "runtime": "0s", "error": errDisk},
	},
	{
		&fxevent.OnStopExecuting{FunctionName: "f", CallerName: "c"},
		logrus.DebugLevel, "fx: OnStop hook starts",
		logrus.Fields{"function": "f", "caller": "c"},
	},
	{
		&fxevent.OnStopExecuted{FunctionName: "f", CallerName: "c", Runtime: time.Second},
		logrus.DebugLevel, "fx: OnStop hook",
		logrus.Fields{"function": "f", "caller": "c", "runtime": "1s"},
	},
	{
		&fxevent.OnStopExecuted{FunctionName: "f", CallerName: "c", Err: errDisk},
		logrus.ErrorLevel, "fx: OnStop hook failed",
		logrus.Fields{"function": "f", "caller": "c", "runtime": "0s", "error": errDisk},
	},
	{
		&fxevent.Supplied{TypeName: "T", ModuleName: "m"},
		logrus.DebugLevel, "fx: supply",
		logrus.Fields{"type": "T", "module": "m"},
	},
	{
		&fxevent.Supplied{TypeName: "T", Err: errDisk},
		logrus.ErrorLevel, "fx: supply failed",
		logrus.Fields{"type": "T", "error": errDisk},
	},
	{
		&fxevent.Provided{ConstructorName: "f", OutputTypeNames: []string{"T", "U"}, ModuleName: "m"},
		logrus.DebugLevel, "fx: provide",
		logrus.Fields{"function": "f", "type": "T, U", "module": "m"},
	},
	{
		&fxevent.Provided{ConstructorName: "f", Err: errDisk},
		logrus.ErrorLevel, "fx: provide failed",
		logrus.Fields{"function": "f", "error": errDisk},
	},
	{
		&fxevent.Replaced{OutputTypeNames: []string{"T"}, ModuleName: "m"},
		logrus.DebugLevel, "fx: replace",
		logrus.Fields{"type": "T", "module": "m"},
	},
	{
		&fxevent.Replaced{OutputTypeNames: []string{"T"}, Err: errDisk},
		logrus.ErrorLevel, "fx: replace failed",
		logrus.Fields{"type": "T", "error": errDisk},
	},
	{
		&fxevent.Decorated{DecoratorName: "f", OutputTypeNames: []string{"T"}, ModuleName: "m"},
		logrus.DebugLevel, "fx: decorate",
		logrus.Fields{"function": "f", "type": "T", "module": "m"},
	},
	{
		&fxevent.Decorated{DecoratorName: "f", OutputTypeNames: []string{"T"}, Err: errDisk},
		logrus.ErrorLevel, "fx: decorate failed",
		logrus.Fields{"function": "f", "type": "T", "error": errDisk},
	},
	{
		&fxevent.BeforeRun{Name: "f", Kind: "provide", ModuleName: "m"},
		logrus.DebugLevel, "fx: constructor starts",
		logrus.Fields{"function": "f", "kind": "provide", "module": "m"},
	},
	{
		&fxevent.Run{Name: "f", Kind: "provide", ModuleName: "m", Runtime: time.Second},
		logrus.DebugLevel, "fx: constructor",
		logrus.Fields{"function": "f", "kind": "provide", "module": "m", "runtime": "1s"},
	},
	{
		&fxevent.Run{Name: "f", Kind: "provide", Err: errDisk},
		logrus.ErrorLevel, "fx: constructor failed",
		logrus.Fields{"function": "f", "kind": "provide", "runtime": "0s", "error": errDisk},
	},
	{
		&fxevent.Invoking{FunctionName: "f", ModuleName: "m"},
		logrus.DebugLevel, "fx: invoke starts",
		logrus.Fields{"function": "f", "module": "m"},
	},
	{
		&fxevent.Invoked{FunctionName: "f", ModuleName: "m", Trace: "where"},
		logrus.DebugLevel, "fx: invoke",
		logrus.Fields{"function": "f", "module": "m"},
	},
	{
		&fxevent.Invoked{FunctionName: "f", Trace: "where", Err: errDisk},
		logrus.ErrorLevel, "fx: invoke failed",
		logrus.Fields{"function": "f", "trace": "where", "error": errDisk},
	},
	{&fxevent.Started{}, logrus.DebugLevel, "fx: application start", logrus.Fields{}},
	{
		&fxevent.Started{Err: errDisk},
		logrus.ErrorLevel, "fx: application start failed",
		logrus.Fields{"error": errDisk},
	},
	{
		&fxevent.Stopping{Signal: syscall.SIGTERM},
		logrus.DebugLevel, "fx: application stops",
		logrus.Fields{"signal": "terminated"},
	},
	{&fxevent.Stopped{}, logrus.DebugLevel, "fx: application stop", logrus.Fields{}},
	{
		&fxevent.Stopped{Err: errDisk},
		logrus.ErrorLevel, "fx: application stop failed",
		logrus.Fields{"error": errDisk},
	},
	{
		&fxevent.RollingBack{StartErr: errDisk},
		logrus.ErrorLevel, "fx: start failed, rolling back",
		logrus.Fields{"error": errDisk},
	},
	{&fxevent.RolledBack{}, logrus.DebugLevel, "fx: rollback", logrus.Fields{}},
	{
		&fxevent.RolledBack{Err: errDisk},
		logrus.ErrorLevel, "fx: rollback failed",
		logrus.Fields{"error": errDisk},
	},
	{
		&fxevent.LoggerInitialized{ConstructorName: "f"},
		logrus.DebugLevel, "fx: logger",
		logrus.Fields{"function": "f"},
	},
	{
		&fxevent.LoggerInitialized{ConstructorName: "f", Err: errDisk},
		logrus.ErrorLevel, "fx: logger failed",
		logrus.Fields{"function": "f", "error": errDisk},
	},
}
