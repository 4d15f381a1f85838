package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	exchangeName  = "StudioML.topic"
	routingPrefix = "StudioML."
)

// subscription is a queue as the real runner names it: vhost and queue.
type subscription struct{ vhost, queue string }

// label is the end of the label queue_name of running experiments.
func (s subscription) label() string {
	return url.PathEscape(s.vhost) + "?" + url.PathEscape(s.queue)
}

// management is the client of RabbitMQ's management API.
type management struct {
	http     http.Client
	base     string
	user     string
	password string
}

func newManagement(address *brokerAddress) *management {
	return &management{
		http:     http.Client{Timeout: 15 * time.Second},
		base:     strings.TrimRight(address.management, "/"),
		user:     address.user,
		password: address.password,
	}
}

func (m *management) get(ctx context.Context, path string, into any) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base+path, nil)
	if err != nil {
		return 0, err
	}
	request.SetBasicAuth(m.user, m.password)
	response, err := m.http.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
		return response.StatusCode, fmt.Errorf("rabbitmq management: %s: %s", response.Status, strings.TrimSpace(string(text)))
	}
	return response.StatusCode, json.NewDecoder(response.Body).Decode(into)
}

// queues lists what is bound to the exchange. All virtual hosts are looked at that the user may see, although only the
// one of AMQP_URL can be served.
func (m *management) queues(ctx context.Context, wanted *patterns) ([]subscription, error) {
	var bindings []struct {
		Source      string `json:"source"`
		VHost       string `json:"vhost"`
		Destination string `json:"destination"`
		RoutingKey  string `json:"routing_key"`
	}
	if _, err := m.get(ctx, "/api/bindings/", &bindings); err != nil {
		return nil, err
	}
	var found []subscription
	for _, b := range bindings {
		if b.Source == exchangeName && strings.HasPrefix(b.RoutingKey, routingPrefix) && wanted.serves(b.Destination) {
			found = append(found, subscription{vhost: b.VHost, queue: b.Destination})
		}
	}
	return found, nil
}

func (m *management) exists(ctx context.Context, s subscription) (bool, error) {
	var ignored struct{}
	status, err := m.get(ctx, "/api/queues/"+url.PathEscape(s.vhost)+"/"+url.PathEscape(s.queue), &ignored)
	if status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}
