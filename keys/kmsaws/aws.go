// Package kmsaws wraps data keys with AWS KMS, or with anything that speaks its protocol. It implements [keys.Provider].
//
// Every call names the master key explicitly: a blob that another key wrapped, be it in the same account or an
// attacker's, does not unwrap. The whole of a call, retries included, ends within the configured timeout.
package kmsaws

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"phiproxy/keys"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

const (
	// DefaultKeyID is the guide's master key.
	DefaultKeyID = "alias/surgicase-phi-master"

	defaultTimeout = 2 * time.Second
	maxAttempts    = 4
	backoffFirst   = 50 * time.Millisecond
	backoffMost    = 400 * time.Millisecond
	keySize        = 32 // bytes of an AES_256 data key
)

// Options make a [Provider].
type Options struct {
	KeyID     string   // id, ARN or alias of the master key; default DefaultKeyID
	OldKeyIDs []string // earlier master keys that may still unwrap
	Region    string   // required

	Endpoint              string // URL instead of the region's own endpoint; "" for that one
	AllowInsecureEndpoint bool   // an http:// endpoint elsewhere than on loopback: data keys cross the network readable

	Timeout time.Duration // of one call with all its attempts; default 2 s

	Credentials aws.CredentialsProvider // default: the SDK's chain (environment, profile, container, instance)
}

// Provider wraps with AWS KMS.
type Provider struct {
	client  *kms.Client
	service service
	keyID   string
	old     []string
	timeout time.Duration

	mu    sync.Mutex
	probe *keys.Wrapped // what Check unwraps; made by the first one
}

// service is where the keys live: blobs can be moved between master keys of one service without leaving it.
type service struct{ region, endpoint string }

// New makes a provider. It does not call KMS yet.
func New(ctx context.Context, o Options) (*Provider, error) {
	if o.Region == "" {
		return nil, errors.New("kms: no region")
	}
	if err := checkEndpoint(o.Endpoint, o.AllowInsecureEndpoint); err != nil {
		return nil, err
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	cfg, err := config.LoadDefaultConfig(ctx, sdkOptions(o, timeout)...)
	if err != nil {
		return nil, fmt.Errorf("kms: %w", err)
	}
	client := kms.NewFromConfig(cfg, func(k *kms.Options) {
		if o.Endpoint != "" {
			k.BaseEndpoint = aws.String(o.Endpoint)
		}
	})
	keyID := o.KeyID
	if keyID == "" {
		keyID = DefaultKeyID
	}
	return &Provider{client: client, service: service{o.Region, o.Endpoint}, keyID: keyID, old: o.OldKeyIDs, timeout: timeout}, nil
}

func sdkOptions(o Options, timeout time.Duration) []func(*config.LoadOptions) error {
	opts := []func(*config.LoadOptions) error{
		config.WithRegion(o.Region),
		config.WithHTTPClient(httpClient(timeout)),
		config.WithRetryer(newRetryer),
	}
	if o.Credentials != nil {
		opts = append(opts, config.WithCredentialsProvider(o.Credentials))
	}
	return opts
}

// httpClient gives one attempt half of the call's time, so that a connection that hangs leaves time for another.
func httpClient(timeout time.Duration) *awshttp.BuildableClient {
	attempt := timeout / 2
	return awshttp.NewBuildableClient().WithTimeout(attempt).WithDialerOptions(func(d *net.Dialer) { d.Timeout = attempt })
}

func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.Backoff = retry.BackoffDelayerFunc(backoff)
	})
}

// backoff waits a random part of 50, 100, 200, 400 ms: the SDK's own steps, of whole seconds, are longer than a call
// may take.
func backoff(attempt int, _ error) (time.Duration, error) {
	most := min(backoffFirst<<min(attempt, 10), backoffMost)
	return rand.N(most) + time.Millisecond, nil
}

// checkEndpoint keeps data keys off readable networks, and signed requests off a cloud's metadata service, which has a
// link-local address.
func checkEndpoint(endpoint string, allowInsecure bool) error {
	if endpoint == "" {
		return nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("kms: the endpoint is not an http(s) URL")
	}
	ip, err := netip.ParseAddr(u.Hostname())
	isIP := err == nil
	if isIP && (ip.Unmap().IsLinkLocalUnicast() || ip.IsUnspecified() || ip.IsMulticast()) {
		return errors.New("kms: the endpoint is a link-local, unspecified or multicast address, where no KMS lives")
	}
	loopback := u.Hostname() == "localhost" || isIP && ip.IsLoopback()
	if u.Scheme == "http" && !loopback && !allowInsecure {
		return errors.New("kms: the endpoint is plain http, so data keys would cross the network readable")
	}
	return nil
}

// Generate implements [keys.Provider].
func (p *Provider) Generate(ctx context.Context, kctx keys.Context) ([]byte, keys.Wrapped, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	out, err := p.client.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{
		KeyId: &p.keyID, KeySpec: types.DataKeySpecAes256, EncryptionContext: kctx,
	})
	if err != nil {
		return nil, keys.Wrapped{}, classify("generate", err)
	}
	if len(out.Plaintext) != keySize || len(out.CiphertextBlob) == 0 {
		return nil, keys.Wrapped{}, &keys.Error{Kind: keys.ErrCorrupt, Op: "generate", Code: "answer"}
	}
	return out.Plaintext, keys.Wrapped{Blob: out.CiphertextBlob, KeyARN: aws.ToString(out.KeyId)}, nil
}

// Unwrap implements [keys.Provider]. The master key's name that is stored beside the blob is not used: whoever can write
// the database could name a key of his own there.
func (p *Provider) Unwrap(ctx context.Context, w keys.Wrapped, kctx keys.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	dek, err := p.withEach(func(keyID string) ([]byte, error) { return p.decrypt(ctx, keyID, w.Blob, kctx) })
	if err != nil {
		return nil, classify("unwrap", err)
	}
	if len(dek) != keySize {
		return nil, &keys.Error{Kind: keys.ErrCorrupt, Op: "unwrap", Code: "key length"}
	}
	return dek, nil
}

// withEach tries the master keys, the present one first, until one is not refused for being another than the blob's.
func (p *Provider) withEach(f func(keyID string) ([]byte, error)) (out []byte, err error) {
	out, err = f(p.keyID)
	for _, id := range p.old {
		if !isOtherKey(err) {
			break
		}
		out, err = f(id)
	}
	return out, err
}

func (p *Provider) decrypt(ctx context.Context, keyID string, blob []byte, kctx keys.Context) ([]byte, error) {
	out, err := p.client.Decrypt(ctx, &kms.DecryptInput{KeyId: &keyID, CiphertextBlob: blob, EncryptionContext: kctx})
	if err != nil {
		return nil, err
	}
	return out.Plaintext, nil
}

// Check implements [keys.Provider] with the two permissions that the proxy needs anyway: the first check generates a data
// key of its own, and every check unwraps that one.
func (p *Provider) Check(ctx context.Context) error {
	w, err := p.probeKey(ctx)
	if err != nil {
		return err
	}
	dek, err := p.Unwrap(ctx, w, keys.CheckContext())
	clear(dek)
	if errors.Is(err, keys.ErrCorrupt) { // the alias was moved to another master key: begin anew
		p.mu.Lock()
		p.probe = nil
		p.mu.Unlock()
	}
	return err
}

func (p *Provider) probeKey(ctx context.Context) (keys.Wrapped, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.probe == nil {
		dek, w, err := p.Generate(ctx, keys.CheckContext())
		if err != nil {
			return w, err
		}
		clear(dek)
		p.probe = &w
	}
	return *p.probe, nil
}

// Wrap implements [keys.Wrapper].
func (p *Provider) Wrap(ctx context.Context, dek []byte, kctx keys.Context) (keys.Wrapped, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	out, err := p.client.Encrypt(ctx, &kms.EncryptInput{KeyId: &p.keyID, Plaintext: dek, EncryptionContext: kctx})
	if err != nil {
		return keys.Wrapped{}, classify("wrap", err)
	}
	return keys.Wrapped{Blob: out.CiphertextBlob, KeyARN: aws.ToString(out.KeyId)}, nil
}

// CanRewrap implements [keys.Rewrapper].
func (p *Provider) CanRewrap(from keys.Provider) bool {
	source, ok := from.(*Provider)
	return ok && source.service == p.service
}

// Rewrap implements [keys.Rewrapper] with ReEncrypt: the data key does not leave the service.
func (p *Provider) Rewrap(ctx context.Context, from keys.Provider, w keys.Wrapped, old, kctx keys.Context) (keys.Wrapped, error) {
	source, ok := from.(*Provider)
	if !ok {
		return keys.Wrapped{}, errors.New("kms: the source is another kind of provider")
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	moved := keys.Wrapped{}
	var err error
	moved.Blob, err = source.withEach(func(keyID string) ([]byte, error) {
		out, err := p.client.ReEncrypt(ctx, &kms.ReEncryptInput{
			CiphertextBlob: w.Blob, SourceKeyId: &keyID, SourceEncryptionContext: old,
			DestinationKeyId: &p.keyID, DestinationEncryptionContext: kctx,
		})
		if err != nil {
			return nil, err
		}
		moved.KeyARN = aws.ToString(out.KeyId)
		return out.CiphertextBlob, nil
	})
	if err != nil {
		return keys.Wrapped{}, classify("rewrap", err)
	}
	return moved, nil
}
