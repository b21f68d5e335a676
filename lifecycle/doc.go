// Package lifecycle is what a long-running component needs from an application and fx does not give: a place for the
// work that goes on after start-up, a way for a failure of that work to end the application, and fx's own events in
// the application's log. It knows nothing of ceremonies or of libp2p and can be used by any fx module.
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
//   - Call [Group.Start] in OnStart, not in the constructor. fx calls no OnStop if building the graph fails, so whatever
//     a constructor starts is never stopped. It also makes Start after Stop work.
//   - Return at once from OnStart. A hook that is still running at fx.StartTimeout gets no OnStop, and neither does any
//     hook before it. What may take long is a task.
//   - If OnStart fails after [Group.Start], call [Group.Stop] before returning: fx rolls back the hooks before the one
//     that failed, not that one itself.
//   - A task ends soon after its context does. [Group.Stop] can only wait for it; what does not end is named in the
//     [StopError], and left behind.
//   - Stop gives up a little before its context's deadline. At the deadline itself fx drops whatever a hook returns,
//     skips the hooks that are left and ends the process: nobody would read which task was stuck, and the
//     components below would not be stopped at all.
//   - Returning nil, or the context's error once Stop has begun, is a task's normal end. Everything else is a failure:
//     an error that is only returned by a goroutine reaches nobody.
//   - A panic in a task is a failure like another, with its stack in [PanicError]. It ends the application, but in
//     order: the members of a ceremony learn that this one leaves, spans are flushed.
//
// # From a failure to the exit code: Failer
//
// fx stops an application by [fx.Shutdowner], which takes an exit code and no cause. [Failer] adds the cause and makes
// the decision once:
//
//	fx.Provide(lifecycle.NewFailer) // in a graph with a *logrus.Logger
//
// Rules, and why:
//
//   - One Failer for an application, and no other calls of Shutdown with an exit code. The exit code is a field of fx's
//     one Shutdowner, written without a lock: concurrent calls are a data race inside fx.
//   - The first call of [Failer.Fail] or [Failer.Complete] decides. What fails afterwards is nearly always a
//     consequence; it is logged at debug level, so that the log shows one cause. Only a panic is always shown: its
//     stack is to be seen nowhere else.
//   - Who gives an error to Fail does not log it, or the cause appears twice.
//   - Fail may be called at any time, in a constructor too. fx keeps a shutdown that nobody waits for yet and delivers
//     it after the start, so the application stops then. (A constructor or a hook that can return its error should do
//     that instead: the application then does not start at all.)
//   - End the program by App.Run, or take the code from App.Wait. App.Done delivers a signal without the exit code.
//
// # fx in the application's log: NewFxLogger
//
// fx describes each constructor and each hook on stderr unless it is given a logger. [WithFxLogger] sends these events
// to logrus: at debug level when all is well, so that an operator is not disturbed; at error level when something
// failed, so that the reason why an application does not start is never hidden. The choice of the logger is the
// application's: it belongs in fx.New, not in a module.
package lifecycle
