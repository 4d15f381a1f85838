// The stand-in for studio-go-runner 0.14.3 in studioml.fleet's sandbox. README.md says what it follows and what it leaves out.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const banner = "This is the stand-in runner of studioml.fleet's sandbox, not the real studio-go-runner: its experiments sleep, and store what is asked for."

func main() {
	fmt.Println(banner)
	c, err := loadConfig(os.Args[1:], os.LookupEnv)
	if err != nil {
		fail(1, err)
	}
	log := newLogger(os.Getenv("LOGXI"), os.Stdout)
	ends := make(chan ending, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go handleSignals(c, log, ends)
	if c.namespace == "" || c.configMap == "" {
		log.print("K8S_NAMESPACE or K8S_CONFIGMAP is empty: the real runner hangs here for ever, so this one does too.")
	} else if err := start(ctx, c, log, ends); err != nil {
		fail(1, err)
	}
	end := <-ends
	cancel() // running tasks are aborted, and their messages go back to the queue
	time.Sleep(clock{c.timeScale}.scaled(end.wait))
	if end.failure != nil {
		fail(end.code, end.failure)
	}
	os.Exit(end.code)
}

// ending is how the process ends: after a wait, with an exit status and, after a crash, its reason.
type ending struct {
	wait    time.Duration
	code    int
	failure error
}

func fail(code int, err error) {
	fmt.Fprintln(os.Stderr, "studio-go-runner stand-in:", err)
	os.Exit(code)
}

// handleSignals loses SIGTERM, as the real runner does in practice, unless it is told otherwise.
func handleSignals(c *config, log *logger, ends chan<- ending) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	for received := range signals {
		switch {
		case received == syscall.SIGINT:
			ends <- ending{wait: exitInterrupt}
		case c.sigterm == "exit":
			log.print("CTRL-C Seen")
			ends <- ending{wait: exitTerminate}
		}
	}
}

func start(ctx context.Context, c *config, log *logger, ends chan<- ending) error {
	if err := holdSocket(c.socket); err != nil {
		return fmt.Errorf("another runner has this network namespace: %w", err)
	}
	gpus := countGPUs(os.LookupEnv)
	if err := requireGPU(c, gpus, log); err != nil {
		return err
	}
	wanted, err := newPatterns(c.queueMatch, c.queueMismatch)
	if err != nil {
		return fmt.Errorf("QUEUE_MATCH or QUEUE_MISMATCH: %w", err)
	}
	address, err := c.broker()
	if errors.Is(err, errNoUser) {
		time.AfterFunc(clock{c.timeScale}.scaled(crashNoUser), func() { ends <- crash(err) })
		return nil
	}
	if err != nil {
		return err
	}
	series, counts := newMetrics(), newTally(time.Now())
	if c.era == eraState { // later eras have no metrics
		go series.serve(c.promAddress, log)
	}
	messages := newOpener(c, log)
	queues := newBroker(c, log, series, wanted, address)
	room, kept := machineCapacity(c.maxCores, c.maxMemory, gpus), newStorage(c)
	queues.work = func(ctx context.Context, s subscription) {
		worker := &queueWorker{
			sub: s, identity: address.identity, fetch: amqpFetcher(address.dial), clock: queues.clock, log: log,
			metrics: series, host: queues.host, capacity: room, tally: counts, open: messages.request, store: kept.keep,
		}
		worker.run(ctx)
	}
	if messages != nil {
		go queues.run(ctx)
	}
	if c.era != eraNone {
		go func() {
			if err := newListener(c, log, wanted, queues).run(ctx); err != nil {
				ends <- crash(err)
			}
		}()
	}
	go func() {
		if reason := counts.watchLimits(ctx, c); reason != "" {
			log.info("limiter: " + reason)
			ends <- ending{wait: exitInterrupt}
		}
	}()
	return nil
}

// held keeps the socket open until the process ends: an unused listener would be closed by the garbage collector.
var held net.Listener

func holdSocket(name string) (err error) {
	if name != "" {
		held, err = net.Listen("unix", "@"+name)
	}
	return err
}

func crash(err error) ending {
	return ending{code: 2, failure: fmt.Errorf("crash, as the real runner's nil pointer dereference: %w", err)}
}

func newListener(c *config, log *logger, wanted *patterns, queues *broker) *listener {
	l := &listener{
		namespace:      c.namespace,
		firstWatch:     time.Duration(c.firstWatch * float64(time.Second)),
		crashOnRewatch: c.crashOnRewatch,
		clock:          clock{c.timeScale},
		log:            log,
		core:           newStateCore(c.namespace, c.configMap, os.Getenv("HOSTNAME")),
		broadcast:      queues.setState,
	}
	if c.era == eraQueueMatch {
		l.patterns = wanted
	}
	client, err := newClusterClient(c.serviceAccount, os.Getenv)
	l.open = func(ctx context.Context, namespace string) (stream, error) {
		if err != nil {
			return nil, err
		}
		return client.watch(ctx, namespace)
	}
	return l
}

func newBroker(c *config, log *logger, series *metrics, wanted *patterns, address *brokerAddress) *broker {
	resolved, system := hostNames()
	b := &broker{
		identity: address.identity,
		lister:   newManagement(address),
		patterns: wanted,
		clock:    clock{c.timeScale},
		log:      log,
		metrics:  series,
		host:     resolved,
		system:   system,
		listing:  listAgain,
		state:    Unknown,
		listed:   map[subscription]bool{},
		workers:  map[subscription]context.CancelFunc{},
	}
	if c.era == eraQueueMatch {
		b.listing, b.dropOld = listAgainMatch, true
	}
	return b
}
