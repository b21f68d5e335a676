// Package lifecycle provides what long-running components need and fx lacks: a place for work that goes on after
// start-up, a way for a failure of that work to end the application, and fx's own events in the application's log. It
// knows nothing of ceremonies or of libp2p; any fx module can use it.
//
// # Background work: Group
//
// A component has a [Group], starts and stops it in its hooks, and hands it every goroutine that it starts:
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
// Rules, and why:
//
//   - A task works on the context that it is given, never on the context of OnStart. fx cancels that one as soon as the
//     start is over (or lets it expire at fx.StartTimeout): the work would end a moment after it began.
//   - Call [Group.Start] in OnStart, not in the constructor. If building the graph fails, fx calls no OnStop, and
//     nothing stops what a constructor has started. It also makes Start after Stop work.
//   - Return at once from OnStart. If a hook is still running at fx.StartTimeout, fx calls neither its OnStop nor that
//     of any hook before it. Work that may take long is a task.
//   - If OnStart fails after [Group.Start], call [Group.Stop] before returning: fx rolls back the hooks before the one
//     that failed, not that one itself.
//   - A task ends soon after its context does. [Group.Stop] can only wait for it, and logs every 5 s for which; a
//     [StopError] names the tasks that do not end, and they are left behind.
//   - Stop gives up a little before its context's deadline. At the deadline itself fx drops whatever a hook returns,
//     skips the hooks that are left and ends the process: nobody would read which task was stuck, and the
//     components below would not be stopped at all.
//   - A task ends normally if it returns nil, or the context's error once Stop has begun. Everything else is a failure:
//     nobody would see an error that a goroutine merely returned.
//   - A panic in a task is a failure like any other, with its stack in [PanicError]. It ends the application, but in
//     order: the members of a ceremony learn that this one leaves, and spans are flushed.
//
// # From a failure to the exit code: Failer
//
// fx stops an application by [fx.Shutdowner], which takes an exit code and no cause. [Failer] adds the cause and makes
// the decision once:
//
//	fx.Provide(lifecycle.NewFailer)                     // in a graph with a *logrus.Logger
//	fx.Provide(lifecycle.NewFailer, lifecycle.FromSlog) // in a graph with a *slog.Logger
//
// Rules, and why:
//
//   - One Failer for an application, and no other calls of Shutdown with an exit code. The exit code is a field of fx's
//     one Shutdowner, written without a lock: concurrent calls are a data race inside fx.
//   - The first call of [Failer.Fail] or [Failer.Complete] decides. A later failure is nearly always a consequence of
//     the first; it is logged at debug level, so that the log shows one cause. A panic is always logged at error level:
//     its stack appears nowhere else.
//   - The application is stopped first and the failure logged second, so that a log that hangs cannot hold up the stop.
//     Fail waits up to 500 ms for the log. Call it where OnStop waits for the caller, as [Group.Stop] does for a task,
//     or the process may end before the line is written.
//   - Do not log an error you pass to Fail; Fail logs it.
//   - Fail may be called at any time, in a constructor too. fx keeps a shutdown until somebody waits for it, so the
//     application stops after its start. (A constructor or a hook that can return its error should do that instead:
//     then the application does not start at all.)
//   - Run the program by App.Run, or take the exit code from App.Wait. App.Done delivers a signal without it. A program
//     that only calls App.Start and App.Stop reads none of the three, and goes on: its log says that it was asked to
//     stop, and [Failer.Err] says why.
//
// # fx in the application's log: NewFxLogger
//
// fx describes each constructor and each hook on stderr unless it is given a logger. [WithFxLogger] sends these events
// to logrus, or to slog in a program without it: at debug level if all is well, so as not to disturb an operator, and
// once at error level if something failed, so as never to hide why an application does not start. The application
// chooses its logger: the option belongs in fx.New, not in a module.
package lifecycle
