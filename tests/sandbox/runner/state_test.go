package main

import "testing"

func asked(name, word string) mapEvent {
	return mapEvent{Namespace: "runners", Name: name, Data: map[string]string{stateKey: word}}
}

const (
	globalMap = "studioml-go-runner"
	nodeMap   = "studioml-go-runner-gpu1"
)

func TestLastEventOfEitherMapWins(t *testing.T) {
	core := newStateCore("runners", globalMap, nodeMap)
	if core.current != Unknown {
		t.Fatalf("starts as %s", core.current)
	}
	steps := []struct {
		event mapEvent
		taken bool
		state State
	}{
		{asked(globalMap, "Running"), true, Running},
		{asked(nodeMap, "DrainAndSuspend"), true, DrainAndSuspend},
		{asked(globalMap, "Running"), true, Running},   // written after the node map: the node map has lost
		{asked(globalMap, "Running"), false, Running},  // equal map and state
		{asked(nodeMap, "Running"), true, Running},     // equal state, other map: an event all the same
		{asked("somebody", "Unknown"), false, Running}, // a map of another name
		{asked(globalMap, ""), false, Running},         // an emptied key changes nothing
		{asked(nodeMap, "DrainAndTerminate"), true, DrainAndTerminate},
		{asked(globalMap, "Unknown"), true, Unknown}, // accepted, though not documented
	}
	for i, step := range steps {
		got := core.decide(step.event)
		if got.taken != step.taken || core.current != step.state {
			t.Errorf("step %d: taken %v and %s, wanted %v and %s", i, got.taken, core.current, step.taken, step.state)
		}
	}
}

func TestOtherNamespaceAndMissingKeyAreIgnored(t *testing.T) {
	core := newStateCore("runners", globalMap, nodeMap)
	other := asked(globalMap, "Running")
	other.Namespace = "default"
	if core.decide(other).taken {
		t.Error("took a map of another namespace")
	}
	if core.decide(mapEvent{Namespace: "runners", Name: globalMap, Data: map[string]string{"state": "Running"}}).taken {
		t.Error("took a key in lower case")
	}
}

func TestWordsAreMatchedExactly(t *testing.T) {
	for _, word := range []string{"running", "Running ", "Running\n", "Suspend"} {
		core := newStateCore("runners", globalMap, nodeMap)
		core.decide(asked(globalMap, "Running"))
		got := core.decide(asked(globalMap, word))
		if got.misspelt != word || !got.taken || core.current != Unknown {
			t.Errorf("%q: %+v, state %s", word, got, core.current)
		}
	}
}

func TestDeletionAppliesTheOldStateOnceMore(t *testing.T) {
	core := newStateCore("runners", globalMap, nodeMap)
	core.decide(asked(nodeMap, "DrainAndSuspend"))
	core.decide(asked(globalMap, "Running"))
	deleted := asked(nodeMap, "DrainAndSuspend") // what the watch carries with DELETED
	if got := core.decide(deleted); !got.taken || core.current != DrainAndSuspend {
		t.Errorf("%+v, state %s", got, core.current)
	}
}

func TestReplayInOrderOfNames(t *testing.T) {
	for node, want := range map[string]State{"gpu1": Running, nodeMap: DrainAndSuspend} {
		core := newStateCore("runners", globalMap, node)
		core.decide(asked(globalMap, "Running"))
		core.decide(asked(node, "DrainAndSuspend"))
		replay := []mapEvent{asked(globalMap, "Running"), asked(node, "DrainAndSuspend")}
		if node < globalMap {
			replay[0], replay[1] = replay[1], replay[0]
		}
		for _, event := range replay {
			core.decide(event)
		}
		if core.current != want {
			t.Errorf("node map %s: %s after the replay, wanted %s", node, core.current, want)
		}
	}
}

func TestOnlyDrainsKeepABrokerOff(t *testing.T) {
	for state, want := range map[State]bool{Unknown: true, Running: true, DrainAndSuspend: false, DrainAndTerminate: false} {
		if state.adopts() != want {
			t.Errorf("%s adopts: %v", state, !want)
		}
	}
}
