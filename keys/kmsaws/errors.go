package kmsaws

import (
	"errors"
	"net/http"

	"phiproxy/keys"

	"github.com/aws/smithy-go"
)

// verdict sorts KMS's answers. What is not listed is an outage: it gives out no new key and takes none away.
// Source: AWS KMS API reference, Decrypt and GenerateDataKey, "Errors" and "Common Errors".
func verdict(code string) error {
	switch code {
	case "AccessDeniedException", "AccessDenied", "NotAuthorized", "DisabledException", "KMSInvalidStateException",
		"NotFoundException", "InvalidGrantTokenException", "InvalidKeyUsageException",
		"UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired":
		return keys.ErrRevoked
	case "InvalidCiphertextException", "IncorrectKeyException", "ValidationException":
		return keys.ErrCorrupt
	}
	return keys.ErrUnavailable
}

// classify gives an error of the SDK its kind. KMS's message is left out of the text: it names accounts and principals.
func classify(op string, err error) error {
	e := &keys.Error{Kind: keys.ErrUnavailable, Op: op, Cause: err}
	var api smithy.APIError
	if !errors.As(err, &api) {
		e.Code = "no answer"
		return e
	}
	e.Code = api.ErrorCode()
	if !serverFault(err) {
		e.Kind = verdict(e.Code)
	}
	return e
}

// serverFault reports a status of 500 or above: whatever a broken service or something in front of it says, it denies
// nothing.
func serverFault(err error) bool {
	var status interface{ HTTPStatusCode() int }
	return errors.As(err, &status) && status.HTTPStatusCode() >= http.StatusInternalServerError
}

// isOtherKey reports that the blob was wrapped by another master key than the one named.
func isOtherKey(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "IncorrectKeyException"
}
