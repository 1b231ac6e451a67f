package main

import (
	"fmt"
	"os"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"phiproxy/config"
)

// newLogger makes the one logger of the process. Nothing that is logged anywhere holds a SQL literal, a protected value or
// key material: callers log constant texts, names and counts.
func newLogger(c config.Log) (*zap.Logger, error) {
	level, err := zapcore.ParseLevel(c.Level)
	if err != nil {
		return nil, err
	}
	out := zapcore.Lock(os.Stderr)
	if c.File != "" {
		file, err := os.OpenFile(c.File, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("log file: %w", err)
		}
		out = zapcore.Lock(file)
	}
	return zap.New(zapcore.NewCore(encoder(c.Format), out, level)), nil
}

func encoder(format string) zapcore.Encoder {
	ec := zap.NewProductionEncoderConfig()
	ec.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	ec.TimeKey = "time"
	if format == "console" {
		ec.EncodeLevel = zapcore.CapitalLevelEncoder
		return zapcore.NewConsoleEncoder(ec)
	}
	return zapcore.NewJSONEncoder(ec)
}
