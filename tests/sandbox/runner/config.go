package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Eras of the real runner; README.md says what each of them listens to.
const (
	eraState      = "state"
	eraQueueMatch = "queue_match"
	eraNone       = "none"
)

type config struct {
	namespace     string
	configMap     string
	amqpURL       string
	managementURL string
	queueMatch    string
	queueMismatch string
	promAddress   string
	cpuOnly       bool
	debug         bool
	clearText     bool
	encryptDir    string
	signingDir    string
	sqsCerts      string
	cacheDir      string
	cacheSize     string
	maxCores      uint
	maxMemory     string
	limitIdle     time.Duration
	limitInterval time.Duration
	limitTasks    uint

	allowEnvSecrets bool

	era            string
	firstWatch     float64
	timeScale      float64
	crashOnRewatch bool
	sigterm        string
	socket         string
	serviceAccount string
}

// loadConfig fills every flag that the command line does not give from the variable of its name in upper case with
// '-' as '_'. A variable that is set but empty counts as given, as with the real runner.
func loadConfig(arguments []string, lookup func(string) (string, bool)) (*config, error) {
	c := &config{}
	set := flag.NewFlagSet("studio-go-runner-stand-in", flag.ContinueOnError)
	set.StringVar(&c.namespace, "k8s-namespace", "default", "namespace of the maps that hold the state")
	set.StringVar(&c.configMap, "k8s-configmap", "studioml-go-runner", "name of the global map")
	set.StringVar(&c.amqpURL, "amqp-url", "", "broker, with user and password; shell variables are expanded")
	set.StringVar(&c.managementURL, "amqp-mgt-url", "", "management API of the broker")
	set.StringVar(&c.queueMatch, "queue-match", "^(rmq|sqs)_.*$", "expression that names of queues must match")
	set.StringVar(&c.queueMismatch, "queue-mismatch", "", "expression that names of queues must not match")
	set.StringVar(&c.promAddress, "prom-address", ":9090", "address of the metrics")
	set.BoolVar(&c.cpuOnly, "cpu-only", false, "run without a GPU")
	set.BoolVar(&c.debug, "debug", false, "a missing GPU is only a warning")
	set.BoolVar(&c.clearText, "clear-text-messages", false, "accept messages that are not encrypted")
	set.StringVar(&c.encryptDir, "encrypt-dir", "./certs/message", "folder of the message key and its passphrase")
	set.StringVar(&c.signingDir, "request-signatures-dir", "./certs/queues/signing", "folder of the keys that sign messages")
	set.StringVar(&c.sqsCerts, "sqs-certs", "./certs/aws-sqs", "folder of the AWS accounts")
	set.BoolVar(&c.allowEnvSecrets, "allow-env-secrets", false, "accept credentials of a message's environment")
	set.StringVar(&c.cacheDir, "cache-dir", "", "cache; only checked together with its size")
	set.StringVar(&c.cacheSize, "cache-size", "", "size of the cache, at least 1 GiB")
	set.UintVar(&c.maxCores, "max-cores", 0, "cores that experiments may use; 0 is all")
	set.StringVar(&c.maxMemory, "max-mem", "0gb", "memory that experiments may use; 0gb is all")
	set.DurationVar(&c.limitIdle, "limit-idle-duration", 0, "exit when idle for so long")
	set.DurationVar(&c.limitInterval, "limit-interval", 5*time.Minute, "how often the limits are checked, at most 5m")
	set.UintVar(&c.limitTasks, "limit-tasks", 0, "exit, and abort what runs, when more tasks than these were started")
	set.StringVar(&c.era, "stand-in-era", eraState, "state, queue_match or none")
	set.Float64Var(&c.firstWatch, "stand-in-first-watch", 30, "seconds from the start to the first watch")
	set.Float64Var(&c.timeScale, "stand-in-time-scale", 1, "factor of all fixed waits")
	set.BoolVar(&c.crashOnRewatch, "stand-in-crash-on-rewatch", true, "crash when the watch cannot be opened again")
	set.StringVar(&c.sigterm, "stand-in-sigterm", "ignore", "ignore or exit")
	set.StringVar(&c.socket, "stand-in-socket", "studio-go-runner", "abstract socket that only one runner can have; empty is none")
	set.StringVar(&c.serviceAccount, "stand-in-service-account", "/var/run/secrets/kubernetes.io/serviceaccount", "directory of token and CA")
	if err := set.Parse(arguments); err != nil {
		return nil, err
	}
	return c, errors.Join(fillFromEnvironment(set, lookup), c.check())
}

func fillFromEnvironment(set *flag.FlagSet, lookup func(string) (string, bool)) error {
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	var wrong error
	set.VisitAll(func(f *flag.Flag) {
		name := strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToUpper(f.Name))
		if value, present := lookup(name); present && !given[f.Name] {
			if err := set.Set(f.Name, value); err != nil {
				// The value is left out: it may be a secret put into the wrong variable.
				wrong = errors.Join(wrong, fmt.Errorf("the value of %s cannot be used for --%s", name, f.Name))
			}
		}
	})
	return wrong
}

func (c *config) check() error {
	var wrong []error
	if c.amqpURL == "" {
		wrong = append(wrong, errors.New("AMQP_URL must be given: this stand-in serves no other queues than RabbitMQ's"))
	}
	if (c.cacheDir == "") != (c.cacheSize == "") {
		wrong = append(wrong, errors.New("CACHE_DIR and CACHE_SIZE must be given together"))
	} else if c.cacheSize != "" {
		if size, err := parseBytes(c.cacheSize); err != nil || size < 1<<30 {
			wrong = append(wrong, errors.New("CACHE_SIZE must be 1Gib or more"))
		} else if _, err := os.Stat(c.cacheDir); err != nil {
			wrong = append(wrong, fmt.Errorf("CACHE_DIR: %w", err))
		}
	}
	if _, err := parseBytes(c.maxMemory); err != nil {
		wrong = append(wrong, fmt.Errorf("MAX_MEM: %w", err))
	}
	if c.era != eraState && c.era != eraQueueMatch && c.era != eraNone {
		wrong = append(wrong, fmt.Errorf("STAND_IN_ERA is %q, not state, queue_match or none", c.era))
	}
	if c.sigterm != "ignore" && c.sigterm != "exit" {
		wrong = append(wrong, fmt.Errorf("STAND_IN_SIGTERM is %q, not ignore or exit", c.sigterm))
	}
	if c.timeScale <= 0 || c.firstWatch < 0 {
		wrong = append(wrong, errors.New("STAND_IN_TIME_SCALE must be above 0 and STAND_IN_FIRST_WATCH not below 0"))
	}
	return errors.Join(wrong...)
}

// brokerAddress holds what the runner makes out of AMQP_URL and AMQP_MGT_URL.
type brokerAddress struct {
	dial       string // with user and password: never printed
	identity   string // without them; the label of the metrics
	management string
	user       string
	password   string
}

var errNoUser = errors.New("AMQP_URL has no user and password")

func (c *config) broker() (*brokerAddress, error) {
	parsed, err := url.Parse(os.ExpandEnv(c.amqpURL))
	if err != nil {
		// The error of url.Parse quotes the address with its password.
		return nil, errors.New("AMQP_URL is no URL")
	}
	if parsed.User == nil {
		return nil, errNoUser
	}
	b := &brokerAddress{dial: parsed.String(), user: parsed.User.Username()}
	b.password, _ = parsed.User.Password()
	parsed.User, parsed.RawQuery, parsed.Fragment = nil, "", ""
	b.identity = parsed.String()
	if b.management = os.ExpandEnv(c.managementURL); b.management != "" {
		return b, nil
	}
	scheme, port := "http", 5672
	if parsed.Scheme != "amqp" {
		scheme, port = "https", 5671
	}
	if given, err := strconv.Atoi(parsed.Port()); err == nil {
		port = given
	}
	b.management = fmt.Sprintf("%s://%s:%d", scheme, parsed.Hostname(), port+10000)
	return b, nil
}
