package main

import (
	"context"
	"time"
)

// The waits of the real runner, as measured on 0.14.2. README.md has them as a table.
const (
	brokerFirstCheck = 1 * time.Second
	brokerCheck      = 15 * time.Second // twice that after a check that failed or found no queue
	listFirst        = 1 * time.Second  // after the broker was adopted
	listAgain        = 300 * time.Second
	listAgainMatch   = 120 * time.Second // era queue_match
	workerStart      = 5 * time.Second
	queuePoll        = 10 * time.Second
	queuePause       = 15 * time.Second // after a fetch that ended, whatever came of it
	queueGoneCheck   = 300 * time.Second
	watchAgain       = 30 * time.Second
	misspeltWait     = 2 * time.Second
	rebroadcast      = 180 * time.Second
	rebroadcastSD    = 15 * time.Second
	exitInterrupt    = 1500 * time.Millisecond
	exitTerminate    = 5 * time.Second
	crashNoUser      = 1 * time.Second
)

// clock shortens the fixed waits for tests; experiments last as long as their message says.
type clock struct{ scale float64 }

func (c clock) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * c.scale)
}

// wait returns false when the context ended first.
func (c clock) wait(ctx context.Context, d time.Duration) bool {
	return sleep(ctx, c.scaled(d))
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
