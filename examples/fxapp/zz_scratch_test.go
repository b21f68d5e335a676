package main

import (
	"context"
	"os"
	"strings"
	"testing"
)

func TestScratch(t *testing.T) {
	t.Log(run(context.Background(), strings.Fields(os.Getenv("ARGS")), os.Stdout, os.Stderr))
}
