package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// errRewatch is the crash of the real runner: it uses the watcher that it could not re-open.
var errRewatch = errors.New("the watch could not be opened again")

// listener turns the watch into states, or into patterns in the era queue_match.
type listener struct {
	namespace      string
	firstWatch     time.Duration
	crashOnRewatch bool
	clock          clock
	log            *logger
	core           *stateCore
	patterns       *patterns // nil in the era state
	open           func(ctx context.Context, namespace string) (stream, error)
	broadcast      func(State)
}

// run returns only when the context ends, or with errRewatch.
func (l *listener) run(ctx context.Context) error {
	wait := l.firstWatch
	for l.clock.wait(ctx, wait) {
		wait = watchAgain
		first, err := l.open(ctx, l.namespace)
		if err != nil {
			l.log.warn("k8s monitoring offline", "error", err)
			continue
		}
		l.log.print("k8s watcher starting in namespace " + l.namespace)
		return l.listen(ctx, first)
	}
	return nil
}

// listen applies events one at a time: while a misspelt word holds it up, later events wait.
func (l *listener) listen(ctx context.Context, first stream) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events := make(chan mapEvent)
	failed := make(chan error, 1)
	go func() { failed <- l.follow(ctx, first, events) }()
	again := time.NewTimer(l.jitter())
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case event := <-events:
			l.apply(ctx, event)
		case <-again.C:
			again.Reset(l.jitter())
			if l.patterns == nil {
				l.announce(l.core.current)
			}
		}
	}
}

// follow hands events on and opens the watch again at once when the API server ends it; its events are then replayed.
func (l *listener) follow(ctx context.Context, current stream, events chan<- mapEvent) error {
	for {
		event, err := current.next()
		if err == nil {
			select {
			case events <- event:
				continue
			case <-ctx.Done():
			}
		}
		current.close()
		if ctx.Err() != nil {
			return nil
		}
		l.log.debug("k8s watch ended, opening it again", "reason", err)
		current, err = l.open(ctx, l.namespace)
		for err != nil {
			if ctx.Err() != nil {
				return nil
			}
			if l.crashOnRewatch {
				return fmt.Errorf("%w: %w", errRewatch, err)
			}
			l.log.warn("k8s monitoring offline", "error", err)
			if !l.clock.wait(ctx, watchAgain) {
				return nil
			}
			current, err = l.open(ctx, l.namespace)
		}
	}
}

func (l *listener) apply(ctx context.Context, event mapEvent) {
	if l.patterns != nil {
		l.applyPatterns(event)
		return
	}
	result := l.core.decide(event)
	if result.misspelt != "" {
		l.log.print(result.misspelt + " does not belong to K8sState values")
		l.clock.wait(ctx, misspeltWait)
	}
	if result.taken {
		l.announce(result.state)
	}
}

func (l *listener) applyPatterns(event mapEvent) {
	if event.Namespace != l.core.namespace || event.Name != l.core.globalMap {
		return
	}
	changed, err := l.patterns.update(event.Data)
	switch {
	case err != nil:
		l.log.info("queue matcher update failed", "error", err)
	case changed:
		l.log.debug("queues matcher listener got update", "match", l.patterns.matchText, "mismatch", l.patterns.mismatchText)
	}
}

// announce logs the words of the real runner to the letter; "stack" runs into the state there too.
func (l *listener) announce(state State) {
	l.broadcast(state)
	l.log.info("k8s state is " + string(state) + "stack[cluster.go:93]")
}

func (l *listener) jitter() time.Duration {
	spread := time.Duration(rand.NormFloat64() * float64(rebroadcastSD))
	return l.clock.scaled(max(rebroadcast+spread, time.Second))
}
