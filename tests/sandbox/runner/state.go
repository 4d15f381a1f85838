package main

import "slices"

// State is what a map's key STATE asks of the runner.
type State string

// The words are matched exactly: no trimming, no change of case.
const (
	Unknown           State = "Unknown"
	Running           State = "Running"
	DrainAndSuspend   State = "DrainAndSuspend"
	DrainAndTerminate State = "DrainAndTerminate"
)

var states = []State{Unknown, Running, DrainAndSuspend, DrainAndTerminate}

const stateKey = "STATE"

// mapEvent is one event of the watch over ConfigMaps. Its type is not part of it, because the real runner does not look at it.
type mapEvent struct {
	Namespace string
	Name      string
	Data      map[string]string
}

// stateCore decides what state the runner is in. It keeps one state, not one for each map.
type stateCore struct {
	namespace string
	globalMap string
	nodeMap   string

	fromMap string
	current State
}

func newStateCore(namespace, globalMap, nodeMap string) *stateCore {
	return &stateCore{namespace: namespace, globalMap: globalMap, nodeMap: nodeMap, current: Unknown}
}

// decision is what one event comes to: nothing, or a state to be broadcast.
type decision struct {
	taken    bool
	state    State
	misspelt string // the word that is no state; the state is Unknown then
}

// decide applies one event. The most recent event of either map wins, whatever its type: a deletion carries the old data
// and applies it once more. An event with the same map and the same state as the last one is dropped.
func (c *stateCore) decide(event mapEvent) decision {
	if event.Namespace != c.namespace || (event.Name != c.globalMap && event.Name != c.nodeMap) {
		return decision{}
	}
	word := event.Data[stateKey]
	if word == "" {
		return decision{}
	}
	result := decision{state: State(word)}
	if !slices.Contains(states, result.state) {
		result.misspelt, result.state = word, Unknown
	}
	if result.state == c.current && event.Name == c.fromMap {
		return result
	}
	c.fromMap, c.current = event.Name, result.state
	result.taken = true
	return result
}

// adopts says whether a broker that is not adopted yet is adopted in this state. It has no say over queues of an adopted one.
func (s State) adopts() bool {
	return s == Running || s == Unknown
}
