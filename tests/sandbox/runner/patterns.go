package main

import (
	"regexp"
	"strings"
	"sync"
)

const (
	matchKey    = "QUEUE_MATCH"
	mismatchKey = "QUEUE_MISMATCH"
)

// patterns are the two expressions that choose queues by name. Only the era queue_match changes them while it runs.
type patterns struct {
	mu           sync.Mutex
	matchText    string
	mismatchText string
	match        *regexp.Regexp
	mismatch     *regexp.Regexp
}

func newPatterns(match, mismatch string) (*patterns, error) {
	p := &patterns{}
	return p, p.set(match, mismatch)
}

func (p *patterns) set(match, mismatch string) error {
	matchExpr, err := regexp.Compile(match)
	if err != nil {
		return err
	}
	var mismatchExpr *regexp.Regexp
	if strings.TrimSpace(mismatch) != "" {
		if mismatchExpr, err = regexp.Compile(mismatch); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.matchText, p.mismatchText, p.match, p.mismatch = match, mismatch, matchExpr, mismatchExpr
	return nil
}

// update applies the global map's keys as the era queue_match does: when either key changes, the one that did not
// change is reset to the empty string, and an empty match matches everything.
func (p *patterns) update(data map[string]string) (bool, error) {
	p.mu.Lock()
	oldMatch, oldMismatch := p.matchText, p.mismatchText
	p.mu.Unlock()
	match, mismatch, changed := "", "", false
	if value, present := data[matchKey]; present && value != oldMatch {
		match, changed = value, true
	}
	if value, present := data[mismatchKey]; present && value != oldMismatch {
		mismatch, changed = value, true
	}
	if !changed {
		return false, nil
	}
	return true, p.set(match, mismatch)
}

// serves leaves the queues alone that carry reports back to the experimenter.
func (p *patterns) serves(queue string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if strings.HasSuffix(queue, "_response") || !p.match.MatchString(queue) {
		return false
	}
	return p.mismatch == nil || !p.mismatch.MatchString(queue)
}
