package operator

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// awsCommand is what the runbooks need of the AWS command line: `aws kms`, printing a key's id alone. It runs when this
// test binary is called aws.
func awsCommand(args []string) error {
	if len(args) < 2 || args[0] != "kms" {
		return errors.New("only aws kms is known here")
	}
	flags := map[string]string{}
	for i := 2; i+1 < len(args); i += 2 {
		flags[strings.TrimPrefix(args[i], "--")] = args[i+1]
	}
	ctx := context.Background()
	cfg, err := config.LoadDefaultConfig(ctx, config.WithRegion(flags["region"]))
	if err != nil {
		return err
	}
	client := kms.NewFromConfig(cfg, func(o *kms.Options) { o.BaseEndpoint = aws.String(os.Getenv("RUNBOOK_KMS")) })
	metadata, err := callKMS(ctx, client, args[1], flags)
	if err == nil && metadata != nil {
		fmt.Println(*metadata.KeyId)
	}
	return err
}

func callKMS(ctx context.Context, c *kms.Client, operation string, flags map[string]string) (*types.KeyMetadata, error) {
	value := func(name string) *string { return aws.String(flags[name]) }
	switch operation {
	case "create-key":
		out, err := c.CreateKey(ctx, &kms.CreateKeyInput{Description: value("description")})
		if err != nil {
			return nil, err
		}
		return out.KeyMetadata, nil
	case "describe-key":
		out, err := c.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: value("key-id")})
		if err != nil {
			return nil, err
		}
		return out.KeyMetadata, nil
	case "create-alias":
		_, err := c.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: value("alias-name"), TargetKeyId: value("target-key-id")})
		return nil, err
	case "disable-key":
		_, err := c.DisableKey(ctx, &kms.DisableKeyInput{KeyId: value("key-id")})
		return nil, err
	case "enable-key":
		_, err := c.EnableKey(ctx, &kms.EnableKeyInput{KeyId: value("key-id")})
		return nil, err
	}
	return nil, fmt.Errorf("aws kms %s is not known here", operation)
}
