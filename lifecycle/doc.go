// Package lifecycle provides what long-running components need and fx lacks: a place for work that goes on after the
// start, a way for a failure of that work to end the application, and fx's own events in the application's log. The
// package knows nothing of ceremonies or of libp2p. Any fx module can use it.
//
// # Background work: Group
//
// A component has a [Group], starts and stops it in its hooks, and starts all its goroutines through it:
//
//	func New(lc fx.Lifecycle, failer *lifecycle.Failer, log *logrus.Logger) *Server {
//		s := &Server{group: lifecycle.NewGroup(log, failer.Fail)}
//		lc.Append(fx.StartStopHook(s.Start, s.group.Stop))
//		return s
//	}
//
//	func (s *Server) Start() error {
//		s.group.Start()
//		return s.group.Go("serve", s.serve)
//	}
//
// These are the rules, with the reason for each:
//
//   - A task uses the context that it receives, never the context of OnStart. fx cancels the context of OnStart as soon
//     as the start is over, or lets it expire at fx.StartTimeout. With that context, the work would end soon after it
//     began.
//   - Call [Group.Start] in OnStart, not in the constructor. If fx fails to build the graph, it never calls OnStop, so
//     nothing stops what a constructor has started. Because of this rule, a component can also be started again after
//     Stop.
//   - Return from OnStart at once. If a hook is still running at fx.StartTimeout, fx does not call its OnStop, nor the
//     OnStop of any hook before it. Do work that may take long in a task.
//   - If OnStart fails after [Group.Start], call [Group.Stop] before you return the error. fx rolls back only the hooks
//     before the one that failed.
//   - A task must end soon after its context does. [Group.Stop] can only wait for it, and logs every 5 s which tasks it
//     is waiting for. A [StopError] names the tasks that do not end. They keep running.
//   - Stop gives up a little before its context's deadline. At the deadline itself, fx ignores whatever a hook returns,
//     skips the remaining hooks and ends the process. Nobody would learn which task was stuck, and the components that
//     started before it would not be stopped at all.
//   - A task that returns nil has succeeded. So has a task that returns the context's error once Stop has begun. Any
//     other error is a failure, because nobody sees an error that a goroutine only returns.
//   - A panic in a task is a failure too, and [PanicError] has its stack. It ends the application in an orderly way:
//     the other members of a ceremony learn that this node leaves, and spans are flushed.
//
// # From a failure to the exit code: Failer
//
// fx stops an application through [fx.Shutdowner], which takes an exit code but no cause. [Failer] adds the cause and
// makes the decision once:
//
//	fx.Provide(lifecycle.NewFailer)                     // in a graph with a *logrus.Logger
//	fx.Provide(lifecycle.NewFailer, lifecycle.FromSlog) // in a graph with a *slog.Logger
//
// These are the rules, with the reason for each:
//
//   - Use one Failer for an application, and do not call Shutdown with an exit code anywhere else. fx keeps the exit
//     code in a field of its only Shutdowner and writes it without a lock, so concurrent calls are a data race in fx.
//   - The first call of [Failer.Fail] or [Failer.Complete] decides. A later failure is nearly always a consequence of
//     the first. Fail logs it at debug level, so that the log shows one cause. It logs a panic at error level in any
//     case, because the stack appears nowhere else.
//   - A Failer stops the application first and logs the failure second, so that a log that hangs cannot hold up the
//     stop. Fail waits up to 500 ms for the log. Call it from code that OnStop waits for, such as a task of a [Group]:
//     [Group.Stop] waits for the task. Otherwise the process may end before the line is written.
//   - Do not log an error that you pass to Fail; Fail logs it.
//   - You may call Fail at any time, even in a constructor. fx keeps a shutdown until somebody waits for it, so the
//     application stops after its start. If a constructor or a hook can return its error, it should do that instead:
//     then the application does not start at all.
//   - Run the program with App.Run, or take the exit code from App.Wait. App.Done delivers a signal without the exit
//     code. A program that only calls App.Start and App.Stop uses none of Run, Wait and Done, and keeps running. Its
//     log says that it was asked to stop, and [Failer.Err] says why.
//
// # fx in the application's log: NewFxLogger
//
// Without a logger, fx describes each constructor and each hook on stderr. [WithFxLogger] sends these events to logrus,
// or to slog in a program without logrus. It logs successes at debug level, where they do not disturb an operator. It
// logs a failure once at error level, so that the log always says why an application did not start. The application
// chooses its logger, so put the option in fx.New, not in a module.
package lifecycle
