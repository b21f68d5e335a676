package otelsdk

import (
	"slices"
	"sync"

	"github.com/sirupsen/logrus"
)

// hooked holds the hook of each logger whose lines are exported. Do not call logrus while hooked is locked: a logger
// whose writer hangs must not hold up apps that use another logger.
var hooked = struct {
	sync.Mutex
	of map[*logrus.Logger]*hook
}{of: make(map[*logrus.Logger]*hook)}

// hook exports the lines of a logger. If several apps share the logger, the app that started first exports them.
type hook struct {
	apps int // how many apps use the hook or are about to; guarded by hooked

	turn sync.Mutex // held while the hook is added or removed
	on   bool       // the logger has the hook; guarded by turn

	mu    sync.Mutex
	hooks []logrus.Hook // one for each app; guarded by mu
}

// addHook exports the lines of a logger. The returned function undoes this.
func addHook(log *logrus.Logger, export logrus.Hook) (remove func()) {
	h := hookOf(log)
	h.turn.Lock()
	defer h.turn.Unlock()
	if !h.on {
		log.AddHook(h)
		h.on = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = append(h.hooks, export)
	return func() { h.remove(log, export) }
}

// hookOf returns the hook of a logger and counts one more app that uses it.
func hookOf(log *logrus.Logger) *hook {
	hooked.Lock()
	defer hooked.Unlock()
	h := hooked.of[log]
	if h == nil {
		h = new(hook)
		hooked.of[log] = h
	}
	h.apps++
	return h
}

// remove ends the export of one app. For the last app, it removes the hook from the logger.
func (h *hook) remove(log *logrus.Logger, export logrus.Hook) {
	h.without(export)
	h.turn.Lock()
	defer h.turn.Unlock()
	hooked.Lock()
	h.apps--
	last := h.apps == 0
	hooked.Unlock()
	if !last {
		return
	}
	removeHook(log, h)
	h.on = false
	hooked.Lock()
	defer hooked.Unlock()
	if h.apps == 0 { // no app is waiting to add the hook again
		delete(hooked.of, log)
	}
}

// without removes the export of one app.
func (h *hook) without(export logrus.Hook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hooks = slices.DeleteFunc(h.hooks, func(other logrus.Hook) bool { return other == export })
}

// Levels returns all levels.
func (*hook) Levels() []logrus.Level { return logrus.AllLevels }

// Fire exports a line, unless the line is about the export.
func (h *hook) Fire(e *logrus.Entry) error {
	if e.Context != nil && e.Context.Value(ownLine{}) != nil {
		return nil
	}
	h.mu.Lock()
	var export logrus.Hook
	if len(h.hooks) > 0 {
		export = h.hooks[0]
	}
	h.mu.Unlock()
	if export == nil {
		return nil
	}
	return export.Fire(e)
}

// removeHook removes a hook from a logger. logrus can only replace all hooks at once. It returns the old ones only
// when it has replaced them. So removeHook installs a gate first. A line that is logged meanwhile waits at the gate
// for the hooks that stay.
func removeHook(log *logrus.Logger, h logrus.Hook) {
	g := &gate{open: make(chan struct{})}
	closed := make(logrus.LevelHooks)
	closed.Add(g)
	g.stay = without(log.ReplaceHooks(closed), h)
	meanwhile := without(log.ReplaceHooks(g.stay), g)
	close(g.open)
	for level, hooks := range meanwhile { // hooks that were added meanwhile
		for _, added := range hooks {
			log.AddHook(onLevel{added, level})
		}
	}
}

// without returns all hooks but h.
func without(all logrus.LevelHooks, h logrus.Hook) logrus.LevelHooks {
	rest := make(logrus.LevelHooks)
	for level, hooks := range all {
		for _, other := range hooks {
			if other != h {
				rest[level] = append(rest[level], other)
			}
		}
	}
	return rest
}

// gate holds up lines until the hooks that stay are known.
type gate struct {
	open chan struct{}
	stay logrus.LevelHooks
}

// Levels returns all levels.
func (*gate) Levels() []logrus.Level { return logrus.AllLevels }

// Fire calls the hooks that stay.
func (g *gate) Fire(e *logrus.Entry) error {
	<-g.open
	return g.stay.Fire(e.Level, e)
}

// onLevel is a hook for one level.
type onLevel struct {
	logrus.Hook
	level logrus.Level
}

// Levels returns the level.
func (h onLevel) Levels() []logrus.Level { return []logrus.Level{h.level} }
