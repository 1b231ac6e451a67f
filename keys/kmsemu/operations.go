package kmsemu

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// input holds the members of all operations' requests.
type input struct {
	KeyId, AliasName, TargetKeyId, SourceKeyId, DestinationKeyId string
	KeySpec                                                      string
	NumberOfBytes                                                int
	Plaintext, CiphertextBlob                                    []byte // base64 in JSON, as the service has it
	EncryptionContext                                            map[string]string
	SourceEncryptionContext, DestinationEncryptionContext        map[string]string
	PendingWindowInDays                                          int
}

type members = map[string]any

// perform runs one operation.
func (e *Emulator) perform(name string, body []byte) (any, *apiError) {
	run := e.operation(name)
	if run == nil {
		return nil, failure("UnknownOperationException", "The operation is not known.")
	}
	var in input
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, failure("SerializationException", "The request is not valid JSON of the operation.")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return run(&in)
}

func (e *Emulator) operation(name string) func(*input) (any, *apiError) {
	switch name {
	case "CreateKey":
		return e.createKey
	case "CreateAlias":
		return e.createAlias
	case "UpdateAlias":
		return e.updateAlias
	case "ListAliases":
		return e.listAliases
	case "DescribeKey":
		return e.describeKey
	case "EnableKey":
		return e.setState(stateEnabled)
	case "DisableKey":
		return e.setState(stateDisabled)
	case "ScheduleKeyDeletion":
		return e.scheduleDeletion
	case "Encrypt":
		return e.encrypt
	case "Decrypt":
		return e.decrypt
	case "ReEncrypt":
		return e.reEncrypt
	case "GenerateDataKey":
		return e.generateDataKey(true)
	case "GenerateDataKeyWithoutPlaintext":
		return e.generateDataKey(false)
	}
	return nil
}

// find resolves an id, an alias, or the ARN of either.
func (e *Emulator) find(ref string) (*masterKey, *apiError) {
	if ref == "" {
		return nil, failure("ValidationException", "1 validation error detected: Value null at 'keyId' failed to satisfy constraint: Member must not be null")
	}
	name := strings.TrimPrefix(ref, e.aliasARN(""))
	name = strings.TrimPrefix(name, "key/")
	if id, ok := e.aliases[name]; ok {
		name = id
	}
	k, ok := e.keys[name]
	switch {
	case ok:
		return k, nil
	case strings.HasPrefix(name, "alias/"):
		return nil, failure("NotFoundException", "Alias "+e.aliasARN(name)+" is not found.")
	}
	return nil, failure("NotFoundException", "Key '"+e.keyARN(name)+"' does not exist")
}

// usable is find for cryptographic operations.
func (e *Emulator) usable(ref string) (*masterKey, *apiError) {
	k, refused := e.find(ref)
	switch {
	case refused != nil:
		return nil, refused
	case k.State == stateDisabled:
		return nil, failure("DisabledException", e.keyARN(k.ID)+" is disabled.")
	case k.State == statePending:
		return nil, pendingDeletion(e.keyARN(k.ID))
	}
	return k, nil
}

func pendingDeletion(arn string) *apiError {
	return failure("KMSInvalidStateException", arn+" is pending deletion.")
}

// saved makes a change permanent before it is told.
func (e *Emulator) saved(answer any) (any, *apiError) {
	if err := e.save(); err != nil {
		return nil, &apiError{Type: "KMSInternalException", Message: "The key file could not be written.", status: 500}
	}
	return answer, nil
}

func (e *Emulator) createKey(*input) (any, *apiError) {
	return e.saved(members{"KeyMetadata": e.metadata(e.addKey())})
}

func (e *Emulator) metadata(k *masterKey) members {
	m := members{
		"AWSAccountId": e.account, "KeyId": k.ID, "Arn": e.keyARN(k.ID), "CreationDate": seconds(k.Created),
		"Enabled": k.State == stateEnabled, "KeyState": k.State, "KeyUsage": "ENCRYPT_DECRYPT",
		"KeyManager": "CUSTOMER", "Origin": "AWS_KMS", "KeySpec": "SYMMETRIC_DEFAULT",
		"CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "EncryptionAlgorithms": []string{"SYMMETRIC_DEFAULT"},
		"MultiRegion": false, "Description": "",
	}
	if !k.Deletion.IsZero() {
		m["DeletionDate"] = seconds(k.Deletion)
	}
	return m
}

// seconds is the service's form of a time.
func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func (e *Emulator) describeKey(in *input) (any, *apiError) {
	k, refused := e.find(in.KeyId)
	if refused != nil {
		return nil, refused
	}
	return members{"KeyMetadata": e.metadata(k)}, nil
}

func (e *Emulator) createAlias(in *input) (any, *apiError) {
	if !strings.HasPrefix(in.AliasName, "alias/") || strings.HasPrefix(in.AliasName, "alias/aws/") {
		return nil, failure("InvalidAliasNameException", "The alias name is not valid.")
	}
	if _, ok := e.aliases[in.AliasName]; ok {
		return nil, failure("AlreadyExistsException", "An alias with the name "+e.aliasARN(in.AliasName)+" already exists")
	}
	return e.pointAlias(in)
}

func (e *Emulator) updateAlias(in *input) (any, *apiError) {
	if _, ok := e.aliases[in.AliasName]; !ok {
		return nil, failure("NotFoundException", "Alias "+e.aliasARN(in.AliasName)+" is not found.")
	}
	return e.pointAlias(in)
}

func (e *Emulator) pointAlias(in *input) (any, *apiError) {
	k, refused := e.find(in.TargetKeyId)
	if refused != nil {
		return nil, refused
	}
	e.aliases[in.AliasName] = k.ID
	return e.saved(nil)
}

func (e *Emulator) listAliases(in *input) (any, *apiError) {
	list := []members{}
	for alias, id := range e.aliases {
		if in.KeyId == "" || in.KeyId == id || in.KeyId == e.keyARN(id) {
			list = append(list, members{"AliasName": alias, "AliasArn": e.aliasARN(alias), "TargetKeyId": id})
		}
	}
	slices.SortFunc(list, func(a, b members) int {
		return strings.Compare(a["AliasName"].(string), b["AliasName"].(string))
	})
	return members{"Aliases": list, "Truncated": false}, nil
}

// setState makes EnableKey and DisableKey.
func (e *Emulator) setState(state string) func(*input) (any, *apiError) {
	return func(in *input) (any, *apiError) {
		k, refused := e.find(in.KeyId)
		switch {
		case refused != nil:
			return nil, refused
		case k.State == statePending:
			return nil, pendingDeletion(e.keyARN(k.ID))
		}
		k.State = state
		return e.saved(nil)
	}
}

func (e *Emulator) scheduleDeletion(in *input) (any, *apiError) {
	k, refused := e.find(in.KeyId)
	if refused != nil {
		return nil, refused
	}
	days := in.PendingWindowInDays
	if days == 0 {
		days = 30
	}
	switch {
	case days < 7 || days > 30:
		return nil, failure("ValidationException", "PendingWindowInDays is not within 7 and 30.")
	case k.State == statePending:
		return nil, pendingDeletion(e.keyARN(k.ID))
	}
	k.State, k.Deletion = statePending, time.Now().UTC().AddDate(0, 0, days)
	return e.saved(members{
		"KeyId": e.keyARN(k.ID), "DeletionDate": seconds(k.Deletion), "KeyState": k.State, "PendingWindowInDays": days,
	})
}
