package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dkgsync/dkgsync/examples/fxapp/dkg"
)

// mend does what the operators would do: it gives a receipt, if anybody has one, to the
// members whose shares are unconfirmed.
func (c *cluster) mend(ctx context.Context) error {
	receipt, err := c.anyReceipt()
	if receipt == "" || err != nil {
		return err
	}
	for _, m := range c.members {
		if _, err := dkg.ReadShare(c.path(m.name)); err == nil {
			continue
		}
		if _, err := c.run(ctx, "verify", receipt, "--data-dir", c.path(m.name)); err != nil {
			return fmt.Errorf("%s has no share although there is a receipt: %w", m.name, err)
		}
	}
	return nil
}

// anyReceipt returns the path of a receipt, or an empty path if nobody has one.
func (c *cluster) anyReceipt() (string, error) {
	for _, m := range c.members {
		path := c.path(m.name, "receipt.json")
		switch _, err := os.Stat(path); {
		case err == nil:
			return path, nil
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
	}
	return "", nil
}

// check returns an error unless all members have shares of one group key, the
// shares of any set of threshold size can sign together, and every receipt
// verifies.
func (c *cluster) check(ctx context.Context) error {
	var shares []*dkg.Share
	for _, m := range c.members {
		share, err := dkg.ReadShare(c.path(m.name))
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		if !bytes.Equal(share.GroupKey, append(shares, share)[0].GroupKey) {
			return fmt.Errorf("%s has the group key %x, unlike %s", m.name, share.GroupKey, c.members[0].name)
		}
		shares = append(shares, share)
		if _, err := c.run(ctx, "verify", c.path(m.name, "receipt.json"), "--data-dir", c.path(m.name)); err != nil {
			return err
		}
	}
	c.tell("all %d have shares of %x", len(shares), shares[0].GroupKey)
	if err := checkSignatures(shares); err != nil {
		return err
	}
	c.tell("any %d of them sign together", shares[0].Threshold)
	return nil
}

// checkSignatures signs a message with every set of shares whose size is the
// threshold.
func checkSignatures(shares []*dkg.Share) error {
	message := []byte("signed by a threshold of the members")
	var signature []byte
	for _, chosen := range choices(len(shares), shares[0].Threshold) {
		var partials [][]byte
		for _, i := range chosen {
			partial, err := shares[i].Sign(message)
			if err != nil {
				return err
			}
			partials = append(partials, partial)
		}
		whole, err := shares[0].Recover(message, partials...)
		if err != nil {
			return fmt.Errorf("operators %v sign: %w", chosen, err)
		}
		if signature == nil {
			signature = whole
		}
		if !bytes.Equal(whole, signature) {
			return fmt.Errorf("operators %v make a different signature from the one that others make", chosen)
		}
	}
	return dkg.Verify(shares[0].GroupKey, message, signature)
}

// choices returns all sets of k numbers below n.
func choices(n, k int) [][]int {
	if k == 0 {
		return [][]int{nil}
	}
	var all [][]int
	for last := k - 1; last < n; last++ {
		for _, rest := range choices(last, k-1) {
			all = append(all, append(rest, last))
		}
	}
	return all
}

// checkAllOrNone checks that all or none of the members have shares, and reports which.
// If anybody has a receipt, checkAllOrNone confirms the other shares with the receipt,
// and every member must then have a share. Otherwise no member may have a share that
// counts.
func (c *cluster) checkAllOrNone(ctx context.Context) (all bool, err error) {
	receipt, err := c.anyReceipt()
	if err != nil {
		return false, err
	}
	if receipt != "" {
		return true, errors.Join(c.mend(ctx), c.check(ctx))
	}
	for _, m := range c.members {
		if _, err := dkg.ReadShare(c.path(m.name)); err == nil {
			return false, fmt.Errorf("%s has a share that counts, and nobody has a receipt", m.name)
		}
		if _, err := os.Stat(c.path(m.name, "share.json")); err == nil {
			return false, fmt.Errorf("%s has a share that looks as if it counted, and nobody has a receipt", m.name)
		}
	}
	return false, nil
}

// checkRest returns an error if a member still has an unconfirmed share.
func (c *cluster) checkRest() error {
	for _, m := range c.members {
		rest, err := filepath.Glob(c.path(m.name, "*unconfirmed*"))
		if err != nil || len(rest) > 0 {
			return fmt.Errorf("%s has kept %v: %w", m.name, rest, err)
		}
	}
	return nil
}
