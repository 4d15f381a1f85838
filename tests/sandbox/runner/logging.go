package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

type level int

const (
	levelTrace level = iota
	levelDebug
	levelInfo
	levelWarn
	levelError
	levelOff
)

var levelNames = map[string]level{
	"ALL": levelTrace, "TRC": levelTrace, "DBG": levelDebug, "INF": levelInfo,
	"WRN": levelWarn, "ERR": levelError, "FTL": levelOff, "OFF": levelOff,
}

// logger prints what the variable LOGXI lets through. As with the real runner nothing below ERR is printed without it.
type logger struct {
	mu  sync.Mutex
	out io.Writer
	min level
}

func newLogger(logxi string, out io.Writer) *logger {
	return &logger{out: out, min: parseLogxi(logxi)}
}

// parseLogxi reads "*=DBG" or "*=ERR,runner=INF"; the entry for the runner wins over the one for all.
func parseLogxi(text string) level {
	all, own := levelError, level(-1)
	for entry := range strings.SplitSeq(text, ",") {
		name, value, found := strings.Cut(strings.TrimSpace(entry), "=")
		if !found {
			continue
		}
		parsed, known := levelNames[strings.ToUpper(value)]
		switch {
		case known && name == "*":
			all = parsed
		case known && name == "runner":
			own = parsed
		}
	}
	if own >= 0 {
		return own
	}
	return all
}

func (l *logger) trace(message string, pairs ...any) { l.log(levelTrace, "TRC", message, pairs) }
func (l *logger) debug(message string, pairs ...any) { l.log(levelDebug, "DBG", message, pairs) }
func (l *logger) info(message string, pairs ...any)  { l.log(levelInfo, "INF", message, pairs) }
func (l *logger) warn(message string, pairs ...any)  { l.log(levelWarn, "WRN", message, pairs) }
func (l *logger) error(message string, pairs ...any) { l.log(levelError, "ERR", message, pairs) }

func (l *logger) log(at level, name, message string, pairs []any) {
	if at < l.min {
		return
	}
	var line strings.Builder
	fmt.Fprintf(&line, "%s %s runner %s", time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), name, message)
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&line, " %v: %v", pairs[i], pairs[i+1])
	}
	l.print(line.String())
}

// print writes a line whatever LOGXI says: the real runner prints a few lines without its logger.
func (l *logger) print(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.out, line)
}
