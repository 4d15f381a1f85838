package main

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
)

// opener turns what lies in a queue into a request: it proves the signature and decrypts.
type opener struct {
	key       *rsa.PrivateKey // nil where there is none
	clearText bool
	signing   string // folder of the keys that experimenters sign with
}

// newOpener reads the message key once, as the real runner does. Without one, and without leave for clear text, there is
// no opener and no queue can be served.
func newOpener(c *config, log *logger) *opener {
	key, err := loadMessageKey(c.encryptDir)
	switch {
	case err != nil && !c.clearText:
		log.error("no queue is served: CLEAR_TEXT_MESSAGES is not true, and the message key cannot be used", "error", err)
		return nil
	case err != nil:
		log.warn("messages that are encrypted cannot be read", "error", err)
	}
	return &opener{key: key, clearText: c.clearText, signing: c.signingDir}
}

// request opens a message from the named queue.
func (o *opener) request(queue string, body []byte) ([]byte, error) {
	var envelope struct {
		Message struct {
			Payload   string `json:"payload"`
			Signature string `json:"signature"`
		} `json:"message"`
	}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return nil, err
	}
	payload := envelope.Message.Payload
	if signer, prefix := signingKey(o.signing, queue); signer != nil {
		signature, err := base64.StdEncoding.DecodeString(envelope.Message.Signature)
		if err != nil || !ed25519.Verify(signer, []byte(payload), signature) {
			return nil, fmt.Errorf("the message has no signature of the key that covers %s", prefix)
		}
	}
	switch {
	case payload == "" && o.clearText:
		return body, nil
	case payload == "":
		return nil, errors.New("the message is in clear text, and CLEAR_TEXT_MESSAGES is not true")
	case o.key == nil:
		return nil, errors.New("the message is encrypted, and there is no message key")
	}
	return decrypt(o.key, payload)
}
