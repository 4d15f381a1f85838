package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeQueues is a broker in memory. It notes when each of its operations happened.
type fakeQueues struct {
	mu       sync.Mutex
	began    time.Time
	known    []subscription
	gone     bool
	down     bool
	messages []string
	refused  error

	listed  []time.Duration
	fetched []time.Duration
	events  []string
	series  *metrics
}

func (f *fakeQueues) queues(_ context.Context, wanted *patterns) ([]subscription, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listed = append(f.listed, time.Since(f.began))
	if f.down {
		return nil, errors.New("connection refused")
	}
	return slices.DeleteFunc(slices.Clone(f.known), func(s subscription) bool { return !wanted.serves(s.queue) }), nil
}

func (f *fakeQueues) exists(context.Context, subscription) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.gone, nil
}

func (f *fakeQueues) fetch(string) (delivery, func(), error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fetched = append(f.fetched, time.Since(f.began))
	if f.refused != nil || len(f.messages) == 0 {
		return nil, func() {}, f.refused
	}
	text := f.messages[0]
	f.messages = f.messages[1:]
	return &fakeMessage{f, text}, func() {}, nil
}

type fakeMessage struct {
	queues *fakeQueues
	text   string
}

func (m *fakeMessage) body() []byte { return []byte(m.text) }

func (m *fakeMessage) note(what string) error {
	m.queues.mu.Lock()
	defer m.queues.mu.Unlock()
	m.queues.events = append(m.queues.events, what)
	if strings.Contains(m.queues.series.text(), "runner_project_running{") && !strings.Contains(m.queues.series.text(), "} 0\n") {
		m.queues.events = append(m.queues.events, "gauge still up")
	}
	return nil
}

func (m *fakeMessage) ack() error { return m.note("ack") }

func (m *fakeMessage) requeue() error {
	m.queues.change(func(f *fakeQueues) { f.messages = append(f.messages, m.text) })
	return m.note("requeue")
}

func (f *fakeQueues) change(how func(*fakeQueues)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how(f)
}

func message(key, seconds, extra string) string {
	return `{"config": {"database": {"projectId": "demo"}, "env": {"STAND_IN_SECONDS": "` + seconds + `"` + extra + `}},` +
		`"experiment": {"key": "` + key + `", "resources_needed": {"cpus": 1, "ram": "1mb"}}}`
}

// noted is what a test may look at while the runner goes on.
type noted struct {
	listed, fetched []time.Duration
	events          []string
	waiting         int
}

func (f *fakeQueues) seen() noted {
	f.mu.Lock()
	defer f.mu.Unlock()
	return noted{slices.Clone(f.listed), slices.Clone(f.fetched), slices.Clone(f.events), len(f.messages)}
}

type brokerTest struct {
	*broker
	*fakeQueues
	output *lockedBuffer
	cancel context.CancelFunc
}

// startBroker starts broker and workers with two cores, at the moment 0 of the test's own time.
func startBroker(t *testing.T, names ...string) *brokerTest {
	t.Helper()
	wanted, err := newPatterns("^(rmq|sqs)_.*$", "")
	if err != nil {
		t.Fatal(err)
	}
	series, output := newMetrics(), &lockedBuffer{}
	queues := &fakeQueues{began: time.Now(), series: series}
	for _, name := range names {
		queues.known = append(queues.known, subscription{"/", name})
	}
	room, counts, log := machineCapacity(2, "1gb", 0), newTally(time.Now()), newLogger("*=DBG", output)
	ctx, cancel := context.WithCancel(t.Context())
	b := &broker{
		identity: "amqp://hub:5672/%2f", lister: queues, patterns: wanted, clock: clock{1}, log: log, metrics: series,
		host: "hub.lan", system: "hub", listing: listAgain, state: Unknown,
		listed: map[subscription]bool{}, workers: map[subscription]context.CancelFunc{},
	}
	b.work = func(ctx context.Context, s subscription) {
		worker := &queueWorker{
			sub: s, identity: b.identity, fetch: queues.fetch, clock: b.clock, log: log,
			metrics: series, host: "hub.lan", capacity: room, tally: counts,
			open: (&opener{clearText: true}).request, store: (&storage{}).keep,
		}
		worker.run(ctx)
	}
	go b.run(ctx)
	return &brokerTest{b, queues, output, cancel}
}

func seconds(values ...int) []time.Duration {
	all := make([]time.Duration, len(values))
	for i, value := range values {
		all[i] = time.Duration(value) * time.Second
	}
	return all
}

func TestTimesOfTheRealRunner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := startBroker(t, "rmq_a")
		advance(65 * time.Second)
		// 1 s: found and adopted; 2 s: listed; then the check every 15 s. First fetch at 16 s, then one every 15 s.
		if want := seconds(1, 2, 16, 31, 46, 61); !slices.Equal(test.seen().listed, want) {
			t.Errorf("listed at %v, wanted %v", test.seen().listed, want)
		}
		if want := seconds(16, 31, 46, 61); !slices.Equal(test.seen().fetched, want) {
			t.Errorf("fetched at %v, wanted %v", test.seen().fetched, want)
		}
		test.cancel()
	})
}

func TestGaugeDownThenAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := startBroker(t, "rmq_a")
		test.change(func(f *fakeQueues) { f.messages = []string{message("e1", "5", "")} })
		advance(17 * time.Second)
		labels := `{experiment="e1",host="hub.lan",project="demo",queue_name="amqp://hub:5672/%2f%2F?rmq_a",queue_type="rmq"} `
		if !strings.Contains(test.metrics.text(), "runner_project_running"+labels+"1\n") || len(test.seen().events) != 0 {
			t.Errorf("while it runs: %s, %v", test.metrics.text(), test.seen().events)
		}
		advance(5 * time.Second)
		if !slices.Equal(test.seen().events, []string{"ack"}) {
			t.Errorf("events %v", test.seen().events)
		}
		for _, line := range []string{"runner_project_running" + labels + "0\n", "runner_project_completed" + labels + "1\n"} {
			if !strings.Contains(test.metrics.text(), line) {
				t.Errorf("%s is not in %s", line, test.metrics.text())
			}
		}
		test.cancel()
	})
}

func TestTasksRunBesideEachOtherWhileCoresLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := startBroker(t, "rmq_a")
		test.change(func(f *fakeQueues) {
			f.messages = []string{message("e1", "100", ""), message("e2", "100", ""), message("e3", "1", "")}
		})
		advance(60 * time.Second)
		if got := strings.Count(test.metrics.text(), "runner_project_running{"); got != 2 || test.seen().waiting != 1 {
			t.Errorf("%d run on two cores, %d wait", got, test.seen().waiting)
		}
		test.cancel()
	})
}

func TestFailedAndPoisonMessagesGoBackForEver(t *testing.T) {
	for text, completed := range map[string]bool{message("e1", "0", `, "STAND_IN_FAIL": "true"`): true, "no json": false} {
		synctest.Test(t, func(t *testing.T) {
			test := startBroker(t, "rmq_a")
			test.change(func(f *fakeQueues) { f.messages = []string{text} })
			advance(62 * time.Second)
			if want := []string{"requeue", "requeue", "requeue", "requeue"}; !slices.Equal(test.seen().events, want) {
				t.Errorf("events %v", test.seen().events)
			}
			if got := strings.Contains(test.metrics.text(), "runner_project_completed"); got != completed {
				t.Errorf("completed is shown: %v", got)
			}
			test.cancel()
		})
	}
}

func TestAdoptedQueuesArePolledWhateverTheState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := startBroker(t, "rmq_a")
		advance(20 * time.Second)
		test.setState(DrainAndTerminate)
		test.change(func(f *fakeQueues) { f.known = append(f.known, subscription{"/", "rmq_new"}) })
		advance(300 * time.Second)
		if last := slices.Max(test.seen().fetched); last < 300*time.Second {
			t.Errorf("last fetch at %v", last)
		}
		if !strings.Contains(test.output.String(), "added queue queue: %2F?rmq_new") {
			t.Error("a new queue is not found at the refresh during a drain")
		}
		if !strings.Contains(test.metrics.text(), `runner_queue_ignored{host="hub",queue_name="*",queue_type="rabbitMQ"} 20`) {
			t.Error(test.metrics.text())
		}
		test.cancel()
	})
}

func TestDrainKeepsABrokerOffThatIsNotAdopted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := startBroker(t, "rmq_a")
		test.setState(DrainAndSuspend)
		advance(200 * time.Second)
		if len(test.seen().listed) != 0 || len(test.seen().fetched) != 0 {
			t.Errorf("listed %v, fetched %v", test.seen().listed, test.seen().fetched)
		}
		test.setState(Running)
		advance(31 * time.Second)
		if len(test.seen().fetched) == 0 {
			t.Error("does not work after Running")
		}
		test.cancel()
	})
}

func TestRefusedReadIsOnlyLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := startBroker(t, "rmq_a")
		test.change(func(f *fakeQueues) { f.refused = errors.New("Exception (403) Reason: ACCESS_REFUSED") })
		test.change(func(f *fakeQueues) { f.messages = []string{message("e1", "1", "")} })
		advance(40 * time.Second)
		if test.seen().waiting != 1 || strings.Count(test.output.String(), "ACCESS_REFUSED") != 2 {
			t.Errorf("%d messages, %s", test.seen().waiting, test.output)
		}
		test.change(func(f *fakeQueues) { f.refused = nil })
		advance(16 * time.Second)
		if !slices.Equal(test.seen().events, []string{"ack"}) {
			t.Errorf("events %v after the permission is back", test.seen().events)
		}
		test.cancel()
	})
}

func TestDeletedQueueAbortsItsTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := startBroker(t, "rmq_a")
		test.change(func(f *fakeQueues) { f.messages = []string{message("e1", "5000", "")} })
		advance(30 * time.Second)
		test.change(func(f *fakeQueues) { f.gone = true })
		advance(570 * time.Second)
		if len(test.seen().events) != 0 {
			t.Error("aborted before the cool-down")
		}
		advance(10 * time.Second)
		if !slices.Equal(test.seen().events, []string{"requeue"}) {
			t.Errorf("events %v", test.seen().events)
		}
		test.cancel()
	})
}

func TestUnreachableBrokerIsTriedHalfAsOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := startBroker(t, "rmq_a")
		test.change(func(f *fakeQueues) { f.down = true })
		advance(62 * time.Second)
		if want := seconds(1, 31, 61); !slices.Equal(test.seen().listed, want) {
			t.Errorf("listed at %v", test.seen().listed)
		}
		test.cancel()
	})
}
