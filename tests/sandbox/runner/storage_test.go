package main

import (
	"archive/tar"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// The example of a signed request without a body in the S3 API's description.
func TestSignatureIsTheOneOfTheDescription(t *testing.T) {
	request, _ := http.NewRequest(http.MethodGet, "http://examplebucket.s3.amazonaws.com/?lifecycle=", nil)
	keys := &awsKeys{Access: "AKIAIOSFODNN7EXAMPLE", Secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
	sign(request, nil, keys, time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC))
	const want = "Signature=fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
	if got := request.Header.Get("Authorization"); !strings.HasSuffix(got, want) {
		t.Error(got)
	}
}

func TestWhoseKeys(t *testing.T) {
	accounts := write(t, map[string]string{
		"default/credentials": "[other]\naws_access_key_id = no\n[default]\naws_access_key_id = mounted\naws_secret_access_key=word\n",
		"default/config":      "[default]\nregion = eu-north-1\n",
	})
	own := artefact{}
	own.Credentials.AWS = &awsKeys{"own", "word", ""}
	env := map[string]string{"AWS_ACCESS_KEY_ID": "env", "AWS_SECRET_ACCESS_KEY": "word", "AWS_DEFAULT_REGION": "us-west-2"}
	for _, test := range []struct {
		storage *storage
		one     artefact
		want    awsKeys
	}{
		{&storage{accounts: accounts, allowEnv: true}, own, awsKeys{"own", "word", ""}},
		{&storage{accounts: accounts, allowEnv: true}, artefact{}, awsKeys{"env", "word", "us-west-2"}},
		{&storage{accounts: accounts}, artefact{}, awsKeys{"mounted", "word", "eu-north-1"}},
	} {
		if got, err := test.storage.keys(test.one, env); err != nil || *got != test.want {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for words, files := range map[string]map[string]string{
		"there are none of the runner": {},
		"no [default] with":            {"default/credentials": "[other]\naws_access_key_id = a\n", "default/config": ""},
	} {
		if _, err := (&storage{accounts: write(t, files)}).keys(artefact{}, nil); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}

func TestArtefactsThatMayChangeAreStored(t *testing.T) {
	stored := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/closed/") {
			http.Error(w, "<Code>AccessDenied</Code>", http.StatusForbidden)
			return
		}
		archive := tar.NewReader(r.Body)
		header, _ := archive.Next()
		content, _ := io.ReadAll(archive)
		stored[r.URL.EscapedPath()] = header.Name + ": " + string(content)
	}))
	defer server.Close()
	place := strings.Replace(server.URL, "http:", "s3:", 1)
	kept := &storage{now: time.Now, words: "stand-in"}
	at := func(path string, mutable bool) artefact {
		one := artefact{Qualified: place + path, Mutable: mutable}
		one.Credentials.AWS = &awsKeys{"a", "b", ""}
		return one
	}
	task := &experiment{key: "e1", artefacts: map[string]artefact{"output": at("/bucket/a b/output.tar", true), "workspace": at("/bucket/workspace.tar", false)}}
	if err := kept.keep(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	if len(stored) != 1 || stored["/bucket/a%20b/output.tar"] != "output: stand-in\nexperiment: e1\n" {
		t.Errorf("%v", stored)
	}
	for words, one := range map[string]artefact{"403 Forbidden: <Code>AccessDenied": at("/closed/a", true), "is not s3://HOST/BUCKET/KEY": at("/bucket", true)} {
		err := kept.keep(t.Context(), &experiment{artefacts: map[string]artefact{"output": one}})
		if err == nil || !strings.Contains(err.Error(), "artefact output was not stored") || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v", words, err)
		}
	}
}
