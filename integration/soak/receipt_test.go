package soak

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/dkgsync/dkgsync/syncmod"
)

// checkReceipt checks the receipt of a complete ceremony. It must verify, and must not
// verify once a byte is changed. Each round changes another byte.
func checkReceipt(r *syncmod.Receipt, result string, round int) error {
	if r == nil {
		return errors.New("is complete without a receipt")
	}
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	parsed, err := syncmod.ParseReceipt(text)
	if err != nil {
		return fmt.Errorf("has a receipt that cannot be read: %w", err)
	}
	if err := parsed.Verify(); err != nil {
		return fmt.Errorf("has a receipt that does not verify: %w", err)
	}
	if string(parsed.Result()) != result {
		return fmt.Errorf("has a receipt for %q", parsed.Result())
	}
	for _, flip := range []byte{1, 2, 4, 8, 16, 32, 64} {
		at := (round*7919 + int(flip)) % len(text)
		text[at] ^= flip
		if changed, err := syncmod.ParseReceipt(text); err == nil && changed.Verify() == nil {
			return fmt.Errorf("has a receipt that verifies though byte %d is changed", at)
		}
		text[at] ^= flip
	}
	return nil
}
