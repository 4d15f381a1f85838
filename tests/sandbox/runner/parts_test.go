package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestChangedPatternResetsTheOtherOne(t *testing.T) {
	p, err := newPatterns("^rmq_", "_cpu")
	if err != nil || !p.serves("rmq_gpu") || p.serves("rmq_cpu") || p.serves("other") || p.serves("rmq_gpu_response") {
		t.Fatalf("start: %v", err)
	}
	if changed, err := p.update(map[string]string{mismatchKey: "_gpu"}); !changed || err != nil {
		t.Fatal(changed, err)
	}
	if !p.serves("anything") || p.serves("rmq_gpu") {
		t.Error("the match that did not change was not reset to one that matches everything")
	}
	if changed, _ := p.update(map[string]string{mismatchKey: "_gpu"}); changed {
		t.Error("an equal value is a change")
	}
	if _, err := p.update(map[string]string{matchKey: "("}); err == nil || !p.serves("anything") {
		t.Errorf("a broken pattern: %v", err)
	}
}

func TestLogxi(t *testing.T) {
	for text, want := range map[string]level{"": levelError, "*=INF": levelInfo, "*=DBG": levelDebug, "*=ERR,runner=INF": levelInfo, "*=FOO": levelError} {
		if got := parseLogxi(text); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
	var out strings.Builder
	log := newLogger("", &out)
	log.warn("quiet")
	log.error("loud", "error", "why")
	log.print("always")
	if got := out.String(); strings.Contains(got, "quiet") || !strings.Contains(got, " ERR runner loud error: why\nalways\n") {
		t.Errorf("%q", got)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]uint64{"0gb": 0, "512mb": 512e6, "10Gib": 10 << 30, "1.5k": 1500, "7": 7, "2 GB": 2e9} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "gb", "-1gb", "1xb", "1bb"} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestCapacity(t *testing.T) {
	c := &capacity{free: need{cores: 2, gpus: 1, memory: 100}}
	one := need{cores: 1, gpus: 1, memory: 60}
	if !c.take(one) || c.take(one) || c.fits(one) || !c.fits(need{cores: 1, memory: 40}) {
		t.Errorf("%+v", c.free)
	}
	if c.giveBack(one); !c.take(one) {
		t.Error("what was given back is not free")
	}
}

func TestExperimentNeedsSecondsAndKey(t *testing.T) {
	task, err := parseExperiment([]byte(message("e1", "2.5", "")))
	if err != nil || task.duration != 2500*time.Millisecond || task.key != "e1" || task.project != "demo" || task.need != (need{cores: 1, memory: 1e6}) {
		t.Errorf("%+v, %v", task, err)
	}
	for _, text := range []string{"{}", message("", "1", ""), message("e1", "-1", ""), "{"} {
		if _, err := parseExperiment([]byte(text)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestLimits(t *testing.T) {
	now := time.Now()
	counts := newTally(now)
	c := &config{limitIdle: time.Minute, limitTasks: 1}
	if got := counts.exceeded(c, now.Add(59*time.Second)); got != "" {
		t.Error(got)
	}
	if counts.exceeded(c, now.Add(time.Minute)) == "" {
		t.Error("idle is not seen")
	}
	counts.begin()
	if got := counts.exceeded(c, now.Add(time.Hour)); got != "" {
		t.Errorf("a runner that works: %s", got)
	}
	counts.begin()
	if counts.exceeded(c, now) == "" {
		t.Error("more tasks than the limit are not seen while they run")
	}
}

func TestBindingsOfTheExchangeAreQueues(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		switch {
		case user != "u" || password != "p":
			http.Error(w, `{"error":"not_authorised","reason":"Login failed"}`, http.StatusUnauthorized)
		case r.RequestURI == "/api/bindings/":
			_, _ = w.Write([]byte(`[{"source":"","vhost":"/","destination":"rmq_a","routing_key":"rmq_a"},
				{"source":"StudioML.topic","vhost":"/","destination":"rmq_a","routing_key":"StudioML.rmq_a"},
				{"source":"StudioML.topic","vhost":"/","destination":"rmq_b","routing_key":"rmq_b"},
				{"source":"StudioML.topic","vhost":"/","destination":"rmq_a_response","routing_key":"StudioML.rmq_a_response"},
				{"source":"StudioML.topic","vhost":"other","destination":"rmq_c","routing_key":"StudioML.rmq_c"}]`))
		case r.RequestURI == "/api/queues/%2F/rmq_a":
			_, _ = w.Write([]byte(`{}`))
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	wanted, _ := newPatterns("^rmq_", "")
	client := newManagement(&brokerAddress{management: server.URL, user: "u", password: "p"})
	found, err := client.queues(t.Context(), wanted)
	if err != nil || len(found) != 2 || found[0] != (subscription{"/", "rmq_a"}) || found[1].label() != "other?rmq_c" {
		t.Errorf("%v, %v", found, err)
	}
	for queue, want := range map[string]bool{"rmq_a": true, "rmq_gone": false} {
		if got, err := client.exists(t.Context(), subscription{"/", queue}); err != nil || got != want {
			t.Errorf("%s: %v, %v", queue, got, err)
		}
	}
	client.password = "wrong"
	if _, err := client.queues(t.Context(), wanted); err == nil || !strings.Contains(err.Error(), "Login failed") {
		t.Errorf("error %v", err)
	}
}
