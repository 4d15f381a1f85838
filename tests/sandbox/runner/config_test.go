package main

import (
	"errors"
	"strings"
	"testing"
)

func load(t *testing.T, arguments []string, env map[string]string) (*config, error) {
	t.Helper()
	return loadConfig(arguments, func(name string) (string, bool) {
		value, present := env[name]
		return value, present
	})
}

func TestCommandLineWinsOverEnvironment(t *testing.T) {
	env := map[string]string{"AMQP_URL": "amqp://u:p@hub/", "K8S_NAMESPACE": "env", "K8S_CONFIGMAP": "", "CPU_ONLY": "true", "LIMIT_IDLE_DURATION": "15m"}
	c, err := load(t, []string{"--k8s-namespace", "line"}, env)
	if err != nil {
		t.Fatal(err)
	}
	if c.namespace != "line" || c.configMap != "" || !c.cpuOnly || c.limitIdle.Minutes() != 15 || c.promAddress != ":9090" || c.firstWatch != 30 {
		t.Errorf("%+v", c)
	}
}

func TestDefaultsAreTheRealRunners(t *testing.T) {
	c, err := load(t, nil, map[string]string{"AMQP_URL": "x"})
	if err != nil || c.namespace != "default" || c.configMap != "studioml-go-runner" || c.queueMatch != "^(rmq|sqs)_.*$" || c.era != eraState {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestWrongSettingsAreNamedWithoutTheirValues(t *testing.T) {
	for name, env := range map[string]map[string]string{
		"AMQP_URL":            {},
		"CPU_ONLY":            {"AMQP_URL": "x", "CPU_ONLY": "s3cret"},
		"CACHE_SIZE":          {"AMQP_URL": "x", "CACHE_DIR": "/tmp", "CACHE_SIZE": "10mb"},
		"STAND_IN_ERA":        {"AMQP_URL": "x", "STAND_IN_ERA": "z"},
		"STAND_IN_TIME_SCALE": {"AMQP_URL": "x", "STAND_IN_TIME_SCALE": "0"},
	} {
		_, err := load(t, nil, env)
		if err == nil || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBrokerAddress(t *testing.T) {
	t.Setenv("RABBIT_HOST", "hub")
	for _, test := range []struct{ amqp, mgt, identity, management string }{
		{"amqp://u:p@${RABBIT_HOST}:5672/%2f?x=1", "", "amqp://hub:5672/%2f", "http://hub:15672"},
		{"amqp://u:p@hub/runners", "", "amqp://hub/runners", "http://hub:15672"},
		{"amqps://u:p@hub:5671/", "", "amqps://hub:5671/", "https://hub:15671"},
		{"amqp://u:p@hub:5672/", "http://$RABBIT_HOST:8080/", "amqp://hub:5672/", "http://hub:8080/"},
	} {
		b, err := (&config{amqpURL: test.amqp, managementURL: test.mgt}).broker()
		if err != nil || b.identity != test.identity || b.management != test.management || b.user != "u" || b.password != "p" {
			t.Errorf("%s: %+v, %v", test.amqp, b, err)
		}
	}
	if _, err := (&config{amqpURL: "amqp://hub/"}).broker(); !errors.Is(err, errNoUser) {
		t.Errorf("without a user: %v", err)
	}
	if _, err := (&config{amqpURL: "amqp://u:s3cret@hub:x y/"}).broker(); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("a broken address: %v", err)
	}
}

func TestGPUs(t *testing.T) {
	for _, test := range []struct {
		env   map[string]string
		count uint
	}{
		{nil, 0},
		{map[string]string{"NVIDIA_VISIBLE_DEVICES": "void"}, 0},
		{map[string]string{"NVIDIA_VISIBLE_DEVICES": "GPU-1,GPU-2"}, 2},
		{map[string]string{"NVIDIA_VISIBLE_DEVICES": "GPU-1,GPU-2", "CUDA_VISIBLE_DEVICES": "0"}, 1},
		{map[string]string{"NVIDIA_VISIBLE_DEVICES": "GPU-1", "CUDA_VISIBLE_DEVICES": ""}, 0},
	} {
		got := countGPUs(func(name string) (string, bool) { value, present := test.env[name]; return value, present })
		if got != test.count {
			t.Errorf("%v: %d", test.env, got)
		}
	}
	log := newLogger("", &strings.Builder{})
	if err := requireGPU(&config{}, 0, log); err == nil || !strings.Contains(err.Error(), "CPU_ONLY=true") {
		t.Errorf("no GPU: %v", err)
	}
	for _, c := range []*config{{cpuOnly: true}, {debug: true}} {
		if err := requireGPU(c, 0, log); err != nil {
			t.Error(err)
		}
	}
}
