package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// experiment is the part of a StudioML request that the stand-in understands.
type experiment struct {
	project   string
	key       string
	need      need
	duration  time.Duration
	fails     bool
	env       map[string]string
	artefacts map[string]artefact
}

// Names in the message's config.env that tell the stand-in what to do instead of real work.
const (
	secondsVariable = "STAND_IN_SECONDS"
	failVariable    = "STAND_IN_FAIL"
)

func parseExperiment(body []byte) (*experiment, error) {
	var request struct {
		Config struct {
			Database struct {
				ProjectID string `json:"projectId"`
			} `json:"database"`
			Env map[string]string `json:"env"`
		} `json:"config"`
		Experiment struct {
			Key       string              `json:"key"`
			Artifacts map[string]artefact `json:"artifacts"`
			Resources struct {
				CPUs uint   `json:"cpus"`
				GPUs uint   `json:"gpus"`
				RAM  string `json:"ram"`
			} `json:"resources_needed"`
		} `json:"experiment"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return nil, err
	}
	seconds, err := strconv.ParseFloat(request.Config.Env[secondsVariable], 64)
	if err != nil || seconds < 0 {
		return nil, fmt.Errorf("config.env.%s must be a number of seconds: the stand-in's work is to sleep", secondsVariable)
	}
	if request.Experiment.Key == "" {
		return nil, errors.New("experiment.key is missing")
	}
	result := &experiment{
		project:   request.Config.Database.ProjectID,
		key:       request.Experiment.Key,
		duration:  time.Duration(seconds * float64(time.Second)),
		fails:     request.Config.Env[failVariable] == "true",
		env:       request.Config.Env,
		artefacts: request.Experiment.Artifacts,
		need:      need{cores: request.Experiment.Resources.CPUs, gpus: request.Experiment.Resources.GPUs},
	}
	if ram := request.Experiment.Resources.RAM; ram != "" {
		if result.need.memory, err = parseBytes(ram); err != nil {
			return nil, fmt.Errorf("experiment.resources_needed.ram: %w", err)
		}
	}
	return result, nil
}

// run is the work: sleeping. The message decides whether it ends well.
func (e *experiment) run(ctx context.Context) error {
	if !sleep(ctx, e.duration) {
		return errors.New("aborted")
	}
	if e.fails {
		return fmt.Errorf("the message asked to fail by %s", failVariable)
	}
	return nil
}
