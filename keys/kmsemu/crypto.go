package kmsemu

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"regexp"

	"phiproxy/keys"
)

// A ciphertext blob is, in order: 0x01, the key's id (16 bytes of its UUID), nonce (12), ciphertext, tag (16).
// Everything before the nonce and the encryption context are associated data.
const (
	blobVersion = 0x01
	blobHeader  = 1 + 16
	maxPlain    = 4096 // bytes that Encrypt takes
)

var uuid = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

func isUUID(s string) bool { return uuid.MatchString(s) }

func (k *masterKey) aead() cipher.AEAD {
	block, err := aes.NewCipher(k.Material)
	if err != nil {
		panic(err) // a key has 32 bytes
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return aead
}

func (k *masterKey) wrap(plaintext []byte, kctx map[string]string) []byte {
	id, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(k.ID), []byte("-"), nil)))
	if err != nil {
		panic(err) // ids are checked when they come in
	}
	header := append([]byte{blobVersion}, id...)
	return k.aead().Seal(bytes.Clone(header), nil, plaintext, associated(header, kctx))
}

func associated(header []byte, kctx map[string]string) []byte {
	return append(bytes.Clone(header), keys.Context(kctx).Canonical()...)
}

// blobKey returns the id of the key that made a blob, "" when it is none.
func blobKey(blob []byte) string {
	if len(blob) < blobHeader+12+16 || blob[0] != blobVersion {
		return ""
	}
	b := blob[1:blobHeader]
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// unwrap opens a blob. ref is the key the caller named, "" for whichever made it.
func (e *Emulator) unwrap(blob []byte, ref string, kctx map[string]string) ([]byte, *masterKey, *apiError) {
	invalid := failure("InvalidCiphertextException", "")
	id := blobKey(blob)
	if ref == "" {
		ref = id
	}
	if ref == "" || len(blob) == 0 {
		return nil, nil, invalid
	}
	k, refused := e.usable(ref)
	switch {
	case refused != nil:
		return nil, nil, refused
	case id == "":
		return nil, nil, invalid
	case id != k.ID:
		return nil, nil, failure("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	plain, err := k.aead().Open(nil, nil, blob[blobHeader:], associated(blob[:blobHeader], kctx))
	if err != nil {
		return nil, nil, invalid
	}
	return plain, k, nil
}

func (e *Emulator) encrypt(in *input) (any, *apiError) {
	k, refused := e.usable(in.KeyId)
	switch {
	case refused != nil:
		return nil, refused
	case len(in.Plaintext) == 0 || len(in.Plaintext) > maxPlain:
		return nil, failure("ValidationException", "Plaintext must have 1 to 4096 bytes.")
	}
	return members{
		"CiphertextBlob": k.wrap(in.Plaintext, in.EncryptionContext), "KeyId": e.keyARN(k.ID),
		"EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
	}, nil
}

func (e *Emulator) decrypt(in *input) (any, *apiError) {
	plain, k, refused := e.unwrap(in.CiphertextBlob, in.KeyId, in.EncryptionContext)
	if refused != nil {
		return nil, refused
	}
	return members{"Plaintext": plain, "KeyId": e.keyARN(k.ID), "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}, nil
}

func (e *Emulator) reEncrypt(in *input) (any, *apiError) {
	plain, from, refused := e.unwrap(in.CiphertextBlob, in.SourceKeyId, in.SourceEncryptionContext)
	if refused != nil {
		return nil, refused
	}
	to, refused := e.usable(in.DestinationKeyId)
	if refused != nil {
		return nil, refused
	}
	return members{
		"CiphertextBlob": to.wrap(plain, in.DestinationEncryptionContext),
		"SourceKeyId":    e.keyARN(from.ID), "KeyId": e.keyARN(to.ID),
		"SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT", "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
	}, nil
}

// generateDataKey makes GenerateDataKey and GenerateDataKeyWithoutPlaintext.
func (e *Emulator) generateDataKey(withPlaintext bool) func(*input) (any, *apiError) {
	return func(in *input) (any, *apiError) {
		k, refused := e.usable(in.KeyId)
		if refused != nil {
			return nil, refused
		}
		size, refused := dataKeySize(in)
		if refused != nil {
			return nil, refused
		}
		plain := make([]byte, size)
		rand.Read(plain)
		m := members{"CiphertextBlob": k.wrap(plain, in.EncryptionContext), "KeyId": e.keyARN(k.ID)}
		if withPlaintext {
			m["Plaintext"] = plain
		}
		return m, nil
	}
}

func dataKeySize(in *input) (int, *apiError) {
	switch {
	case in.KeySpec != "" && in.NumberOfBytes != 0, in.KeySpec == "" && in.NumberOfBytes == 0:
		return 0, failure("ValidationException", "Please specify either number of bytes or key spec.")
	case in.KeySpec == "AES_256":
		return 32, nil
	case in.KeySpec == "AES_128":
		return 16, nil
	case in.KeySpec == "" && in.NumberOfBytes > 0 && in.NumberOfBytes <= 1024:
		return in.NumberOfBytes, nil
	}
	return 0, failure("ValidationException", "The key spec or the number of bytes is not valid.")
}
