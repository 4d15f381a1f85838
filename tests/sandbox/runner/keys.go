package main

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/nacl/secretbox"
)

const (
	nonceBytes   = 24
	secretBytes  = 32
	signingKind  = "ssh-ed25519"
	messageBlock = "RSA PRIVATE KEY"
)

// loadMessageKey reads the key pair's private half and its passphrase from the folders that the Secrets are mounted to,
// and takes no other form than the real runner does. It never quotes the passphrase.
func loadMessageKey(directory string) (*rsa.PrivateKey, error) {
	text, err := os.ReadFile(filepath.Join(directory, "encryption", "ssh-privatekey"))
	if err != nil {
		return nil, err
	}
	passphrase, err := os.ReadFile(filepath.Join(directory, "passphrase", "ssh-passphrase"))
	if err != nil {
		return nil, err
	}
	if len(passphrase) == 0 {
		return nil, errors.New("passphrase not supplied")
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the message key is no PEM")
	}
	if block.Type != messageBlock {
		return nil, fmt.Errorf("unknown block type got=%q want=%q", block.Type, messageBlock)
	}
	// The encryption within the PEM is obsolete, and the only one that the real runner reads.
	der, err := x509.DecryptPEMBlock(block, passphrase)
	if err != nil {
		return nil, err
	}
	return x509.ParsePKCS1PrivateKey(der)
}

// decrypt opens a payload: the key of this message, encrypted for the runner, a comma, and the request under that key.
func decrypt(key *rsa.PrivateKey, payload string) ([]byte, error) {
	parts := strings.Split(payload, ",")
	if len(parts) != 2 {
		return nil, errors.New("the payload is not two parts with a comma between them")
	}
	var raw [2][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = base64.StdEncoding.DecodeString(part); err != nil {
			return nil, fmt.Errorf("part %d of the payload: %w", i+1, err)
		}
	}
	secret, err := rsa.DecryptOAEP(sha256.New(), nil, key, raw[0], nil)
	if err != nil {
		return nil, fmt.Errorf("the message is encrypted for another key pair: %w", err)
	}
	if len(secret) != secretBytes || len(raw[1]) < nonceBytes {
		return nil, errors.New("the payload's key or its nonce is too short")
	}
	request, whole := secretbox.Open(nil, raw[1][nonceBytes:], (*[nonceBytes]byte)(raw[1]), (*[secretBytes]byte)(secret))
	if !whole {
		return nil, errors.New("the payload was changed on its way")
	}
	return request, nil
}

// signingKey finds the key that covers a queue: the longest file name that the queue's name begins with. The files are
// read for each message, so that a new key is heeded as soon as the kubelet has brought it. What is no key covers nothing.
func signingKey(directory, queue string) (ed25519.PublicKey, string) {
	var found ed25519.PublicKey
	prefix := ""
	entries, err := os.ReadDir(directory)
	if err != nil {
		return nil, ""
	}
	for _, entry := range entries {
		name := entry.Name()
		if len(name) <= len(prefix) || !strings.HasPrefix(queue, name) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(directory, name))
		if err != nil {
			continue
		}
		if key := parseSigningKey(string(text)); key != nil {
			found, prefix = key, name
		}
	}
	return found, prefix
}

// parseSigningKey reads a line of OpenSSH, whose second field holds the kind and the key, each after its length.
func parseSigningKey(text string) ed25519.PublicKey {
	fields := strings.Fields(text)
	if len(fields) < 2 || fields[0] != signingKind {
		return nil
	}
	rest, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return nil
	}
	var parts [2][]byte
	for i := range parts {
		if len(rest) < 4 || uint64(len(rest)-4) < uint64(binary.BigEndian.Uint32(rest)) {
			return nil
		}
		end := 4 + binary.BigEndian.Uint32(rest)
		parts[i], rest = rest[4:end], rest[end:]
	}
	if string(parts[0]) != signingKind || len(parts[1]) != ed25519.PublicKeySize {
		return nil
	}
	return parts[1]
}
