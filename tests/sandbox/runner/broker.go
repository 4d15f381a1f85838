package main

import (
	"context"
	"sync"
	"time"
)

// queueLister is what the broker's management API is asked for.
type queueLister interface {
	queues(ctx context.Context, wanted *patterns) ([]subscription, error)
	exists(ctx context.Context, s subscription) (bool, error)
}

// broker adopts the broker of AMQP_URL and keeps a worker for each of its queues.
type broker struct {
	identity string
	lister   queueLister
	patterns *patterns
	clock    clock
	log      *logger
	metrics  *metrics
	host     string // label host of what is counted for the broker
	system   string // label host of what is ignored
	listing  time.Duration
	dropOld  bool // workers end when their queue is no longer listed (era queue_match)
	work     func(ctx context.Context, s subscription)

	mu       sync.Mutex
	state    State
	adopted  bool
	producer bool
	listed   map[subscription]bool
	workers  map[subscription]context.CancelFunc
}

// setState takes a broadcast. It only decides about adopting: an adopted broker goes on being polled whatever it is.
func (b *broker) setState(state State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = state
}

func (b *broker) currentState() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state
}

func (b *broker) run(ctx context.Context) {
	wait := brokerFirstCheck
	for b.clock.wait(ctx, wait) {
		wait = brokerCheck
		if !b.check(ctx) {
			wait = 2 * brokerCheck
		}
	}
}

// check returns false when nothing was found to serve.
func (b *broker) check(ctx context.Context) bool {
	if !b.currentState().adopts() {
		b.metrics.add(queueIgnored, 1, b.system, "rabbitMQ", "*")
		b.log.trace("k8s has RMQ disabled")
		return true
	}
	found, err := b.lister.queues(ctx, b.patterns)
	if err != nil {
		b.log.warn("unable to refresh RMQ manifest", "error", err)
		return false
	}
	if len(found) == 0 {
		b.log.warn("no queues found", "identity", b.identity)
		return false
	}
	b.metrics.add(queueChecked, 1, b.host, "rabbitMQ", b.identity)
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.adopted {
		b.adopted = true
		b.log.info("queue runner processing", "project_id", b.identity)
		go b.serve(ctx)
		if !b.producer {
			b.producer = true
			go b.produce(ctx)
		}
	}
	return true
}

// serve lists the queues again and again whatever the state is. When that fails the broker counts as not adopted,
// so the state decides anew; the queues known so far go on being polled.
func (b *broker) serve(ctx context.Context) {
	wait := listFirst
	for b.clock.wait(ctx, wait) {
		wait = b.listing
		found, err := b.lister.queues(ctx, b.patterns)
		b.mu.Lock()
		if err != nil {
			b.adopted = false
			b.mu.Unlock()
			b.metrics.add(refreshFail, 1, b.host, b.identity)
			b.log.warn("queue runner failed", "project", b.identity, "error", err)
			return
		}
		b.align(found)
		b.mu.Unlock()
		b.metrics.add(refreshSuccess, 1, b.host, b.identity)
	}
}

func (b *broker) align(found []subscription) {
	now := map[subscription]bool{}
	for _, s := range found {
		now[s] = true
		if !b.listed[s] {
			b.log.info("added queue", "queue", s.label())
		}
	}
	for s := range b.listed {
		if now[s] {
			continue
		}
		b.log.info("removed queue", "queue", s.label())
		if cancel, working := b.workers[s]; working && b.dropOld {
			cancel()
		}
	}
	b.listed = now
}

// produce starts a worker for each listed queue that has none.
func (b *broker) produce(ctx context.Context) {
	for b.clock.wait(ctx, workerStart) {
		b.mu.Lock()
		for s := range b.listed {
			if _, working := b.workers[s]; working {
				continue
			}
			workCtx, cancel := context.WithCancel(ctx)
			b.workers[s] = cancel
			go b.watchQueue(workCtx, cancel, s)
			go func() {
				b.work(workCtx, s)
				b.mu.Lock()
				delete(b.workers, s)
				b.mu.Unlock()
			}()
		}
		b.mu.Unlock()
	}
}

// watchQueue aborts the tasks of a queue that was deleted on the broker: one check sees that it is gone, the next one
// after a cool-down ends the worker.
func (b *broker) watchQueue(ctx context.Context, cancel context.CancelFunc, s subscription) {
	missed := false
	for b.clock.wait(ctx, queueGoneCheck) {
		exists, err := b.lister.exists(ctx, s)
		switch {
		case err != nil:
			b.log.info("queue invalidated", "queue", s.label(), "error", err)
		case exists:
			missed = false
		case missed:
			b.log.warn("queue not found cancelling tasks", "queue", s.label())
			cancel()
		default:
			missed = true
		}
	}
}
