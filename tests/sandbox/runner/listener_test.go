package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeAPI opens one scripted watch after the other; a nil one fails to open.
type fakeAPI struct {
	watches []chan mapEvent
	opened  record[time.Duration]
	began   time.Time
}

func (f *fakeAPI) open(ctx context.Context, _ string) (stream, error) {
	f.opened.add(time.Since(f.began))
	if len(f.watches) == 0 {
		return nil, errors.New("connection refused")
	}
	next := f.watches[0]
	f.watches = f.watches[1:]
	if next == nil {
		return nil, errors.New("forbidden")
	}
	return &fakeStream{ctx, next}, nil
}

type fakeStream struct {
	ctx    context.Context
	events chan mapEvent
}

func (s *fakeStream) next() (mapEvent, error) {
	select {
	case event, open := <-s.events:
		if open {
			return event, nil
		}
		return mapEvent{}, io.EOF
	case <-s.ctx.Done():
		return mapEvent{}, s.ctx.Err()
	}
}

func (s *fakeStream) close() {}

// record is a list that a test reads while the runner goes on.
type record[T any] struct {
	mu   sync.Mutex
	list []T
}

func (r *record[T]) add(item T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, item)
}

func (r *record[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// lockedBuffer is output that a test reads while the runner writes.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(text)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

type listenerTest struct {
	*listener
	api    *fakeAPI
	output *lockedBuffer
	states *record[State]
	result chan error
	cancel context.CancelFunc
}

func startListener(t *testing.T, crashOnRewatch bool, watches ...chan mapEvent) *listenerTest {
	t.Helper()
	output, taken := &lockedBuffer{}, &record[State]{}
	api := &fakeAPI{watches: watches, began: time.Now()}
	ctx, cancel := context.WithCancel(t.Context())
	test := &listenerTest{
		listener: &listener{
			namespace: "runners", firstWatch: 30 * time.Second, crashOnRewatch: crashOnRewatch, clock: clock{1},
			log: newLogger("*=INF", output), core: newStateCore("runners", globalMap, nodeMap), open: api.open,
			broadcast: func(s State) { taken.add(s) },
		},
		api: api, output: output, states: taken, result: make(chan error, 1), cancel: cancel,
	}
	go func() { test.result <- test.run(ctx) }()
	return test
}

func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestFirstWatchAfterThirtySecondsAndTheLiteralLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := make(chan mapEvent, 1)
		test := startListener(t, true, watch)
		watch <- asked(globalMap, "DrainAndSuspend")
		advance(29999 * time.Millisecond)
		if len(test.api.opened.all()) != 0 {
			t.Fatal("watched before 30 s")
		}
		advance(time.Millisecond)
		for _, line := range []string{"k8s watcher starting in namespace runners\n", "k8s state is DrainAndSuspendstack[cluster.go:93]\n"} {
			if !strings.Contains(test.output.String(), line) {
				t.Errorf("%q is not in %q", line, test.output)
			}
		}
		test.cancel()
	})
}

func TestMisspeltWordIsPrintedThenUnknownAfterTwoSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := make(chan mapEvent, 1)
		test := startListener(t, true, watch)
		advance(30 * time.Second)
		watch <- asked(globalMap, "drain")
		advance(1999 * time.Millisecond)
		if !strings.Contains(test.output.String(), "drain does not belong to K8sState values\n") || len(test.states.all()) != 0 {
			t.Errorf("%q, states %v", test.output, test.states.all())
		}
		advance(time.Millisecond)
		if len(test.states.all()) != 1 || test.states.all()[0] != Unknown {
			t.Errorf("states %v", test.states.all())
		}
		test.cancel()
	})
}

func TestStateIsBroadcastAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		test := startListener(t, true, make(chan mapEvent))
		advance(30*time.Second + rebroadcast + 6*rebroadcastSD)
		if len(test.states.all()) == 0 || test.states.all()[0] != Unknown {
			t.Errorf("states %v: without any map Unknown is broadcast", test.states.all())
		}
		test.cancel()
	})
}

func TestReplayAfterTheEndOfTheWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := make(chan mapEvent, 2), make(chan mapEvent, 2)
		first <- asked(nodeMap, "DrainAndSuspend")
		first <- asked(globalMap, "Running")
		second <- asked(globalMap, "Running")
		second <- asked(nodeMap, "DrainAndSuspend")
		test := startListener(t, true, first, second)
		advance(40 * time.Second)
		close(first)
		advance(time.Second)
		want := []State{DrainAndSuspend, Running, DrainAndSuspend} // the global map's replay is equal and dropped
		if len(test.api.opened.all()) != 2 || test.api.opened.all()[1] != 40*time.Second || len(test.states.all()) != len(want) {
			t.Fatalf("opened %v, states %v", test.api.opened.all(), test.states.all())
		}
		for i, state := range want {
			if test.states.all()[i] != state {
				t.Errorf("states %v", test.states.all())
			}
		}
		test.cancel()
	})
}

func TestCrashWhenTheWatchCannotBeOpenedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := make(chan mapEvent)
		test := startListener(t, true, first)
		advance(30 * time.Second)
		close(first)
		advance(time.Second)
		select {
		case err := <-test.result:
			if !errors.Is(err, errRewatch) || !strings.Contains(err.Error(), "connection refused") {
				t.Errorf("ended with %v", err)
			}
		default:
			t.Error("did not crash")
		}
	})
}

func TestSwitchedOffCrashTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, third := make(chan mapEvent), make(chan mapEvent, 1)
		test := startListener(t, false, first, nil, third)
		advance(30 * time.Second)
		close(first)
		third <- asked(globalMap, "Running")
		advance(30 * time.Second)
		if len(test.api.opened.all()) != 3 || len(test.states.all()) != 1 {
			t.Errorf("opened %v, states %v", test.api.opened.all(), test.states.all())
		}
		test.cancel()
	})
}

func TestFailedFirstWatchOnlyWarns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		watch := make(chan mapEvent, 1)
		watch <- asked(globalMap, "Running")
		test := startListener(t, true, nil, nil, watch)
		advance(90 * time.Second)
		if strings.Count(test.output.String(), "k8s monitoring offline") != 2 || len(test.states.all()) != 1 {
			t.Errorf("%q, states %v", test.output, test.states.all())
		}
		test.cancel()
	})
}
