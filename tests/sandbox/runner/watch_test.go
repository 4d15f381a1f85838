package main

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// inCluster starts an API server of the test's own and gives a client with its CA and a token.
func inCluster(t *testing.T, handler http.HandlerFunc) *clusterClient {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	directory := t.TempDir()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, content := range map[string][]byte{"ca.crt": authority, "token": []byte("secret\n")} {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address, _ := url.Parse(server.URL)
	values := map[string]string{"KUBERNETES_SERVICE_HOST": address.Hostname(), "KUBERNETES_SERVICE_PORT": address.Port()}
	client, err := newClusterClient(directory, func(name string) string { return values[name] })
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestTheOneRequest(t *testing.T) {
	client := inCluster(t, func(w http.ResponseWriter, r *http.Request) {
		got := []string{r.Method, r.RequestURI, r.Proto, r.UserAgent(), r.Header.Get("Authorization")}
		want := []string{"GET", "/api/v1/namespaces/runners/configmaps?watch=true", "HTTP/2.0", "Go-http-client/2.0", "Bearer secret"}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%q, wanted %q", got[i], want[i])
			}
		}
		fmt.Fprintln(w, `{"type":"ADDED","object":{"metadata":{"name":"a","namespace":"runners"},"data":{"STATE":"Running"}}}`)
		fmt.Fprintln(w, `{"type":"DELETED","object":{"metadata":{"name":"a","namespace":"runners"},"data":{"STATE":"Running"}}}`)
	})
	watch, err := client.watch(t.Context(), "runners")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.close()
	for range 2 {
		event, err := watch.next()
		if err != nil || event.Name != "a" || event.Namespace != "runners" || event.Data[stateKey] != "Running" {
			t.Errorf("%+v, %v", event, err)
		}
	}
	if _, err := watch.next(); err != io.EOF {
		t.Errorf("the end of the watch is %v", err)
	}
}

func TestRefusedWatchSaysTheServersWords(t *testing.T) {
	client := inCluster(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, `{"kind":"Status","message":"configmaps is forbidden"}`, http.StatusForbidden)
	})
	if _, err := client.watch(t.Context(), "runners"); err == nil || !strings.HasSuffix(err.Error(), "403 Forbidden: configmaps is forbidden") {
		t.Errorf("error %v", err)
	}
}

func TestErrorEventEndsTheWatch(t *testing.T) {
	client := inCluster(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version"}}`)
	})
	watch, err := client.watch(t.Context(), "runners")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.close()
	if _, err := watch.next(); err == nil || err.Error() != "too old resource version" {
		t.Errorf("error %v", err)
	}
}

func TestOutsideOfAClusterThereIsNoClient(t *testing.T) {
	if _, err := newClusterClient(t.TempDir(), func(string) string { return "" }); err == nil {
		t.Error("made a client")
	}
}
