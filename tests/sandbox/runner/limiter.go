package main

import (
	"context"
	"sync"
	"time"
)

// tally counts tasks for the limits.
type tally struct {
	mu        sync.Mutex
	running   uint
	completed uint
	lastBusy  time.Time
}

func newTally(now time.Time) *tally { return &tally{lastBusy: now} }

func (t *tally) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running++
}

func (t *tally) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running--
	t.completed++
	t.lastBusy = time.Now()
}

// exceeded says why the runner is to exit. The limit of tasks does not wait for running ones: they are aborted.
func (t *tally) exceeded(c *config, now time.Time) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.limitTasks > 0 && t.running+t.completed > c.limitTasks {
		return "limit of tasks reached"
	}
	if c.limitIdle > 0 && t.running == 0 && now.Sub(t.lastBusy) >= c.limitIdle {
		return "idle for longer than the limit"
	}
	return ""
}

// watchLimits returns the reason to exit, or "" when the context ended.
func (t *tally) watchLimits(ctx context.Context, c *config) string {
	interval := 5 * time.Minute
	if c.limitInterval > 0 {
		interval = min(interval, c.limitInterval)
	}
	for sleep(ctx, interval) {
		if reason := t.exceeded(c, time.Now()); reason != "" {
			return reason
		}
	}
	return ""
}
