package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// delivery is one message fetched and not acknowledged yet.
type delivery interface {
	body() []byte
	ack() error
	requeue() error
}

// fetcher takes one message off a queue, if there is one, and holds its connection until done is called.
type fetcher func(queue string) (message delivery, done func(), err error)

// queueWorker polls one queue.
type queueWorker struct {
	sub      subscription
	identity string
	fetch    fetcher
	clock    clock
	log      *logger
	metrics  *metrics
	host     string
	capacity *capacity
	tally    *tally
	open     func(queue string, body []byte) ([]byte, error)
	store    func(ctx context.Context, task *experiment) error

	mu         sync.Mutex
	pauseUntil time.Time
	last       need // what the queue's last experiment asked for
}

// run starts a fetch at each tick. A fetch lasts as long as its experiment; the next tick starts another one beside it.
// A pause moves the next tick to its end.
func (w *queueWorker) run(ctx context.Context) {
	var fetches sync.WaitGroup
	defer fetches.Wait()
	wait := w.clock.scaled(queuePoll)
	for sleep(ctx, wait) {
		if left := w.pauseLeft(); left > 0 {
			wait = left
			continue
		}
		fetches.Go(func() {
			w.fetchOne(ctx)
			w.pause()
		})
		wait = w.clock.scaled(queuePoll)
	}
}

func (w *queueWorker) pauseLeft() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Until(w.pauseUntil)
}

// pause leaves a pause alone that another fetch of this queue has begun.
func (w *queueWorker) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if now := time.Now(); !now.Before(w.pauseUntil) {
		w.pauseUntil = now.Add(w.clock.scaled(queuePause))
	}
}

func (w *queueWorker) fetchOne(ctx context.Context) {
	w.mu.Lock()
	last := w.last
	w.mu.Unlock()
	if !w.capacity.fits(last) {
		w.log.debug("backing off, no capacity", "queue", w.sub.label())
		return
	}
	message, done, err := w.fetch(w.sub.queue)
	if err != nil {
		w.log.warn("backing off, receive failed", "queue", w.sub.label(), "error", err)
		return
	}
	defer done()
	if message == nil {
		w.log.trace("backing off, empty", "queue", w.sub.label())
		return
	}
	if err := w.handle(ctx, message); err != nil {
		w.log.warn("backing off, retry experiment", "queue", w.sub.label(), "error", err)
	}
}

// handle works on a message. Whatever goes wrong puts it back into the queue, for ever.
func (w *queueWorker) handle(ctx context.Context, message delivery) error {
	request, err := w.open(w.sub.queue, message.body())
	if err != nil {
		return w.putBack(message, fmt.Errorf("unable to open msg: %w", err))
	}
	task, err := parseExperiment(request)
	if err != nil {
		return w.putBack(message, fmt.Errorf("unable to process msg: %w", err))
	}
	w.mu.Lock()
	w.last = task.need
	w.mu.Unlock()
	if !w.capacity.take(task.need) {
		return w.putBack(message, fmt.Errorf("experiment %s does not fit into what is free", task.key))
	}
	err = w.runTask(ctx, task)
	if err != nil {
		return w.putBack(message, fmt.Errorf("experiment %s: %w", task.key, err))
	}
	return message.ack()
}

// runTask leaves the gauge down before its caller acknowledges the message. A failed task counts as completed.
func (w *queueWorker) runTask(ctx context.Context, task *experiment) error {
	labels := []string{w.host, "rmq", w.identity + w.sub.label(), task.project, task.key}
	w.log.info("experiment started", "project_id", task.project, "experiment_id", task.key, "queue", w.sub.label())
	w.tally.begin()
	w.metrics.add(projectRunning, 1, labels...)
	began := time.Now()
	defer func() {
		w.capacity.giveBack(task.need)
		w.metrics.add(projectRunning, -1, labels...)
		w.metrics.add(projectDone, 1, labels...)
		w.tally.end()
		w.log.info("experiment completed", "project_id", task.project, "experiment_id", task.key, "duration", time.Since(began).Round(time.Millisecond))
	}()
	if err := task.run(ctx); err != nil {
		return err
	}
	return w.store(ctx, task)
}

func (w *queueWorker) putBack(message delivery, reason error) error {
	if err := message.requeue(); err != nil {
		return fmt.Errorf("%w; and the message could not be put back: %w", reason, err)
	}
	return reason
}

// amqpFetcher makes a connection for each fetch, as the real runner does, and declares the exchange on it.
func amqpFetcher(address string) fetcher {
	return func(queue string) (delivery, func(), error) {
		connection, err := amqp.DialConfig(address, amqp.Config{
			Heartbeat:  10 * time.Second,
			Locale:     "en_US",
			Properties: amqp.Table{"product": "studio-go-runner stand-in", "connection_name": "studio-go-runner stand-in"},
		})
		if err != nil {
			return nil, nil, err
		}
		done := func() { _ = connection.Close() }
		channel, err := connection.Channel()
		if err == nil {
			err = channel.ExchangeDeclare(exchangeName, "topic", true, true, false, false, nil)
		}
		if err != nil {
			done()
			return nil, nil, err
		}
		message, found, err := channel.Get(queue, false)
		if err != nil {
			done()
			return nil, nil, err
		}
		if !found {
			return nil, done, nil
		}
		return &amqpDelivery{message}, done, nil
	}
}

type amqpDelivery struct{ message amqp.Delivery }

func (d *amqpDelivery) body() []byte   { return d.message.Body }
func (d *amqpDelivery) ack() error     { return d.message.Ack(false) }
func (d *amqpDelivery) requeue() error { return d.message.Nack(false, true) }
