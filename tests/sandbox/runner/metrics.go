package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// family is one metric of the real runner, with its help text and its labels in their order there.
type family struct {
	name   string
	kind   string
	help   string
	labels []string
}

var (
	refreshSuccess = &family{"runner_queue_refresh_success", "counter", "Number of successful queue inventory checks.", []string{"host", "project"}}
	refreshFail    = &family{"runner_queue_refresh_fail", "counter", "Number of failed queue inventory checks.", []string{"host", "project"}}
	queueChecked   = &family{"runner_queue_checked", "counter", "Number of times a queue is queried for work.", []string{"host", "queue_type", "queue_name"}}
	queueIgnored   = &family{"runner_queue_ignored", "counter", "Number of times a queue is intentionally not queried, or skipped work.", []string{"host", "queue_type", "queue_name"}}
	projectRunning = &family{"runner_project_running", "gauge", "Number of experiments being actively worked on per queue.", []string{"host", "queue_type", "queue_name", "project", "experiment"}}
	projectDone    = &family{"runner_project_completed", "gauge", "Number of experiments that have been run per queue.", []string{"host", "queue_type", "queue_name", "project", "experiment"}}

	families = []*family{projectDone, projectRunning, queueChecked, queueIgnored, refreshFail, refreshSuccess}
)

// metrics keeps the series. A family without a series is not shown at all, as with the real runner.
type metrics struct {
	mu     sync.Mutex
	series map[*family]map[string]float64
}

func newMetrics() *metrics {
	return &metrics{series: map[*family]map[string]float64{}}
}

func (m *metrics) add(f *family, amount float64, values ...string) {
	pairs := make([]string, len(f.labels))
	for i, label := range f.labels {
		pairs[i] = label + `="` + escapeLabel.Replace(values[i]) + `"`
	}
	slices.Sort(pairs)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.series[f] == nil {
		m.series[f] = map[string]float64{}
	}
	m.series[f][strings.Join(pairs, ",")] += amount
}

var escapeLabel = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (m *metrics) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out strings.Builder
	for _, f := range families {
		lines := make([]string, 0, len(m.series[f]))
		for labels, value := range m.series[f] {
			lines = append(lines, f.name+"{"+labels+"} "+strconv.FormatFloat(value, 'g', -1, 64)+"\n")
		}
		if len(lines) == 0 {
			continue
		}
		slices.Sort(lines)
		fmt.Fprintf(&out, "# HELP %s %s\n# TYPE %s %s\n%s", f.name, f.help, f.name, f.kind, strings.Join(lines, ""))
	}
	return out.String()
}

func (m *metrics) serve(address string, log *logger) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write([]byte(m.text()))
	})
	server := &http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	log.error("prometheus server stopped", "error", server.ListenAndServe())
}

// hostNames gives the two names that the real runner uses as the label host: the one that the name service has for
// the machine's address, and the system's own. Neither is the variable HOSTNAME.
func hostNames() (resolved, system string) {
	system, err := os.Hostname()
	if err != nil {
		system = "unknown"
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, system)
	if err != nil {
		return system, system
	}
	for _, address := range addresses {
		if names, err := net.DefaultResolver.LookupAddr(ctx, address); err == nil && len(names) > 0 {
			return strings.TrimSuffix(names[0], "."), system
		}
	}
	return system, system
}
