package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// stream gives the events of one watch until the API server ends it.
type stream interface {
	next() (mapEvent, error)
	close()
}

// clusterClient is the in-cluster client: token and CA are read once and never again.
type clusterClient struct {
	http  *http.Client
	base  string
	token string
}

func newClusterClient(directory string, env func(string) string) (*clusterClient, error) {
	host, port := env("KUBERNETES_SERVICE_HOST"), env("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: not in a cluster")
	}
	token, err := os.ReadFile(filepath.Join(directory, "token"))
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(filepath.Join(directory, "ca.crt"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate", filepath.Join(directory, "ca.crt"))
	}
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true, // the real runner's user agent is the one of Go's HTTP/2
	}
	return &clusterClient{
		http:  &http.Client{Transport: transport},
		base:  "https://" + net.JoinHostPort(host, port),
		token: strings.TrimSpace(string(token)),
	}, nil
}

// watch opens the one request that the runner makes: no resource version, no selector, no GET or LIST before it.
// The events that the API server makes up at its start stand in for an initial read.
func (c *clusterClient) watch(ctx context.Context, namespace string) (stream, error) {
	address := c.base + "/api/v1/namespaces/" + url.PathEscape(namespace) + "/configmaps?watch=true"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		defer response.Body.Close()
		return nil, fmt.Errorf("kubernetes api: %s: %s", response.Status, reason(response.Body))
	}
	return &jsonStream{body: response.Body, decoder: json.NewDecoder(response.Body)}, nil
}

// reason gives the message of the API server's Status, or what it sent instead of one.
func reason(body io.Reader) string {
	text, _ := io.ReadAll(io.LimitReader(body, 4096))
	var status struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(text, &status) == nil && status.Message != "" {
		return status.Message
	}
	return strings.TrimSpace(string(text))
}

type jsonStream struct {
	body    io.ReadCloser
	decoder *json.Decoder
}

func (s *jsonStream) close() { _ = s.body.Close() }

func (s *jsonStream) next() (mapEvent, error) {
	var wire struct {
		Type   string `json:"type"`
		Object struct {
			Message  string            `json:"message"`
			Data     map[string]string `json:"data"`
			Metadata struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
		} `json:"object"`
	}
	if err := s.decoder.Decode(&wire); err != nil {
		return mapEvent{}, err
	}
	if wire.Type == "ERROR" {
		return mapEvent{}, errors.New(wire.Object.Message)
	}
	object := wire.Object
	return mapEvent{Namespace: object.Metadata.Namespace, Name: object.Metadata.Name, Data: object.Data}, nil
}
