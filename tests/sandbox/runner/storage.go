package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	defaultRegion = "us-east-1"
	storeTimeout  = time.Minute
)

// artefact is where an experiment's folder goes, as the message has it.
type artefact struct {
	Qualified   string `json:"qualified"` // s3://HOST:PORT/BUCKET/KEY
	Mutable     bool   `json:"mutable"`
	Credentials struct {
		AWS *awsKeys `json:"aws"`
	} `json:"credentials"`
}

// awsKeys are credentials of an S3 server.
type awsKeys struct {
	Access string `json:"access_key"`
	Secret string `json:"secret_access_key"`
	Region string `json:"region"`
}

// storage keeps results on S3 servers.
type storage struct {
	accounts string // folder with one folder of AWS files for each account
	allowEnv bool
	client   http.Client
	now      func() time.Time
	words    string // what a result says
}

func newStorage(c *config) *storage {
	return &storage{accounts: c.sqsCerts, allowEnv: c.allowEnvSecrets, client: http.Client{Timeout: storeTimeout}, now: time.Now, words: banner}
}

// keep stores a small archive as each of the experiment's artefacts that may change. One that cannot be stored is a failure.
func (s *storage) keep(ctx context.Context, task *experiment) error {
	for label, one := range task.artefacts {
		if !one.Mutable {
			continue
		}
		keys, err := s.keys(one, task.env)
		if err == nil {
			err = s.put(ctx, one.Qualified, keys, result(label, task.key, s.words))
		}
		if err != nil {
			return fmt.Errorf("artefact %s was not stored: %w", label, err)
		}
	}
	return nil
}

// keys are those of the artefact, else of the message's environment where that is allowed, else of the mounted account.
func (s *storage) keys(one artefact, env map[string]string) (*awsKeys, error) {
	if one.Credentials.AWS != nil {
		return one.Credentials.AWS, nil
	}
	if given := env["AWS_ACCESS_KEY_ID"]; given != "" && s.allowEnv {
		return &awsKeys{given, env["AWS_SECRET_ACCESS_KEY"], env["AWS_DEFAULT_REGION"]}, nil
	}
	return accountKeys(filepath.Join(s.accounts, "default"))
}

// accountKeys reads the profile [default] of the two files of the AWS command line.
func accountKeys(directory string) (*awsKeys, error) {
	values := map[string]string{}
	for _, name := range []string{"credentials", "config"} {
		text, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			return nil, fmt.Errorf("the message has no credentials, and there are none of the runner: %w", err)
		}
		profile := ""
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
			line := strings.TrimSpace(lines.Text())
			if strings.HasPrefix(line, "[") {
				profile = line
			} else if key, value, found := strings.Cut(line, "="); found && profile == "[default]" {
				values[strings.TrimSpace(key)] = strings.TrimSpace(value)
			}
		}
	}
	keys := &awsKeys{values["aws_access_key_id"], values["aws_secret_access_key"], values["region"]}
	if keys.Access == "" || keys.Secret == "" {
		return nil, errors.New("the runner's credentials have no [default] with aws_access_key_id and aws_secret_access_key")
	}
	return keys, nil
}

// result is the archive that stands in for an experiment's folder.
func result(label, key, text string) []byte {
	content := []byte(fmt.Sprintf("%s\nexperiment: %s\n", text, key))
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	header := &tar.Header{Name: label, Mode: 0o644, Size: int64(len(content))}
	// writes into memory do not fail
	_ = writer.WriteHeader(header)
	_, _ = writer.Write(content)
	_ = writer.Close()
	return archive.Bytes()
}

// put stores an object. There is no TLS: the servers of the sandbox have none.
func (s *storage) put(ctx context.Context, qualified string, keys *awsKeys, content []byte) error {
	place, err := url.Parse(qualified)
	if err != nil || place.Scheme != "s3" || place.Host == "" || strings.Count(place.Path, "/") < 2 {
		return fmt.Errorf("%q is not s3://HOST/BUCKET/KEY", qualified)
	}
	place.Scheme, place.RawPath = "http", encoded(place.Path)
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, place.String(), bytes.NewReader(content))
	if err != nil {
		return err
	}
	sign(request, content, keys, s.now())
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		words, _ := io.ReadAll(io.LimitReader(response.Body, 1024))
		return fmt.Errorf("PUT %s: %s: %s", place, response.Status, strings.TrimSpace(string(words)))
	}
	return nil
}

// sign adds the headers of AWS's signature, version 4.
func sign(request *http.Request, content []byte, keys *awsKeys, now time.Time) {
	region := keys.Region
	if region == "" {
		region = defaultRegion
	}
	stamp := now.UTC().Format("20060102T150405Z")
	scope := strings.Join([]string{stamp[:8], region, "s3", "aws4_request"}, "/")
	digest := hash(content)
	const names = "host;x-amz-content-sha256;x-amz-date"
	canonical := strings.Join([]string{
		request.Method, request.URL.EscapedPath(), request.URL.RawQuery,
		"host:" + request.URL.Host, "x-amz-content-sha256:" + digest, "x-amz-date:" + stamp, "", names, digest,
	}, "\n")
	key := []byte("AWS4" + keys.Secret)
	for word := range strings.SplitSeq(scope, "/") {
		key = keyed(key, word)
	}
	signature := hex.EncodeToString(keyed(key, strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hash([]byte(canonical))}, "\n")))
	request.Header.Set("x-amz-content-sha256", digest)
	request.Header.Set("x-amz-date", stamp)
	request.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s", keys.Access, scope, names, signature))
}

func hash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func keyed(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// encoded writes a path as the signature wants it: all but letters, digits and -._~/ by their numbers.
func encoded(path string) string {
	return strings.NewReplacer("+", "%20", "%2F", "/").Replace(url.QueryEscape(path))
}
