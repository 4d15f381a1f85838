package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/nacl/secretbox"
)

// write puts files below a new folder.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	directory := t.TempDir()
	for name, text := range files {
		path := filepath.Join(directory, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

// keyPair makes a message key in the form that the runner wants.
func keyPair(t *testing.T, passphrase string) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	block, err := x509.EncryptPEMBlock(rand.Reader, messageBlock, x509.MarshalPKCS1PrivateKey(key), []byte(passphrase), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(block))
}

func sealed(t *testing.T, key *rsa.PublicKey, request string) string {
	t.Helper()
	secret, nonce := [secretBytes]byte{1}, [nonceBytes]byte{2}
	head, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, key, secret[:], nil)
	if err != nil {
		t.Fatal(err)
	}
	body := secretbox.Seal(nonce[:], []byte(request), &nonce, &secret)
	return base64.StdEncoding.EncodeToString(head) + "," + base64.StdEncoding.EncodeToString(body)
}

func enveloped(t *testing.T, payload string, signer ed25519.PrivateKey) []byte {
	t.Helper()
	message := map[string]any{"payload": payload}
	if signer != nil {
		message["signature"] = base64.StdEncoding.EncodeToString(ed25519.Sign(signer, []byte(payload)))
	}
	text, err := json.Marshal(map[string]any{"message": message})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func sshLine(key ed25519.PublicKey) string {
	var blob bytes.Buffer
	for _, part := range [][]byte{[]byte(signingKind), key} {
		_ = binary.Write(&blob, binary.BigEndian, uint32(len(part)))
		blob.Write(part)
	}
	return signingKind + " " + base64.StdEncoding.EncodeToString(blob.Bytes()) + " somebody@site\n"
}

func TestMessageKeyIsTakenInOneFormOnly(t *testing.T) {
	key, text := keyPair(t, "s3cret")
	plain := string(pem.EncodeToMemory(&pem.Block{Type: messageBlock, Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	for _, test := range []struct{ text, passphrase, words string }{
		{text, "s3cret", ""},
		{text, "s3cret\n", ": "}, // one time in some hundred the padding looks right, and the key inside is none
		{text, "", "passphrase not supplied"},
		{plain, "s3cret", "no DEK-Info header in block"},
		{strings.ReplaceAll(plain, messageBlock, "OPENSSH PRIVATE KEY"), "s3cret", `got="OPENSSH PRIVATE KEY" want="RSA PRIVATE KEY"`},
		{"nothing", "s3cret", "is no PEM"},
	} {
		found, err := loadMessageKey(write(t, map[string]string{"encryption/ssh-privatekey": test.text, "passphrase/ssh-passphrase": test.passphrase}))
		if test.words == "" && (err != nil || !found.Equal(key)) {
			t.Errorf("the right one: %v", err)
		}
		if test.words != "" && (err == nil || !strings.Contains(err.Error(), test.words) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%s: %v", test.words, err)
		}
	}
}

func TestMessagesAreOpened(t *testing.T) {
	key, text := keyPair(t, "s3cret")
	other, _ := keyPair(t, "s3cret")
	_, signer, _ := ed25519.GenerateKey(nil)
	_, stranger, _ := ed25519.GenerateKey(nil)
	signing := write(t, map[string]string{
		"info": "a placeholder", "rmq_": "no key", "rmq_open_": sshLine(stranger.Public().(ed25519.PublicKey)), "rmq_open_team_": sshLine(signer.Public().(ed25519.PublicKey)),
	})
	encryption := write(t, map[string]string{"encryption/ssh-privatekey": text, "passphrase/ssh-passphrase": "s3cret"})
	c := &config{encryptDir: encryption, signingDir: signing}
	closed := newOpener(c, newLogger("", &strings.Builder{}))
	c.clearText = true
	open := newOpener(c, newLogger("", &strings.Builder{}))
	c.encryptDir = t.TempDir()
	keyless := newOpener(c, newLogger("", &strings.Builder{}))
	payload := sealed(t, &key.PublicKey, "request")
	changed := payload[:len(payload)-8] + "AAAAAAA="
	for _, test := range []struct {
		opener      *opener
		queue       string
		body        []byte
		want, words string
	}{
		{closed, "rmq_a", enveloped(t, payload, nil), "request", ""},
		{closed, "rmq_open_team_1", enveloped(t, payload, signer), "request", ""},
		{closed, "rmq_open_1", enveloped(t, payload, stranger), "request", ""},
		{closed, "rmq_open_team_1", enveloped(t, payload, stranger), "", "no signature of the key that covers rmq_open_team_"},
		{closed, "rmq_open_1", enveloped(t, payload, nil), "", "no signature of the key that covers rmq_open_"},
		{open, "rmq_open_1", []byte(`{"experiment": {}}`), "", "no signature"},
		{open, "rmq_a", []byte(`{"experiment": {}}`), `{"experiment": {}}`, ""},
		{open, "rmq_a", enveloped(t, payload, nil), "request", ""},
		{closed, "rmq_a", []byte(`{"experiment": {}}`), "", "CLEAR_TEXT_MESSAGES is not true"},
		{keyless, "rmq_a", enveloped(t, payload, nil), "", "there is no message key"},
		{closed, "rmq_a", enveloped(t, sealed(t, &other.PublicKey, "request"), nil), "", "for another key pair"},
		{closed, "rmq_a", enveloped(t, changed, nil), "", "was changed on its way"},
		{closed, "rmq_a", enveloped(t, "AAAA", nil), "", "not two parts"},
		{closed, "rmq_a", enveloped(t, payload+"!", nil), "", "part 2 of the payload"},
		{closed, "rmq_a", enveloped(t, strings.Split(payload, ",")[0]+",AAAA", nil), "", "too short"},
		{open, "rmq_a", []byte("no JSON"), "", "invalid character"},
	} {
		got, err := test.opener.request(test.queue, test.body)
		if string(got) != test.want || (err == nil) != (test.words == "") || (err != nil && !strings.Contains(err.Error(), test.words)) {
			t.Errorf("%q in %s: %q, %v", test.words, test.queue, got, err)
		}
	}
}

func TestNothingIsServedWithoutKeyAndLeave(t *testing.T) {
	var out strings.Builder
	if newOpener(&config{encryptDir: t.TempDir()}, newLogger("", &out)) != nil || !strings.Contains(out.String(), "no queue is served") {
		t.Errorf("%q", out.String())
	}
}
