package dkg

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dkgsync/dkgsync/syncmod"
)

// holding is the content of a data directory.
type holding struct {
	dir         string
	share       *Share            // the confirmed share, or nil
	receipt     *syncmod.Receipt  // the receipt, or nil
	unconfirmed map[string]*Share // unconfirmed shares by file name
	superseded  map[string]*Share // superseded shares by file name
	unreadable  error             // errors in superseded files, which stop nothing
}

// look reads a whole data directory.
func look(dir string) (holding, error) {
	held := holding{dir: dir, unconfirmed: make(map[string]*Share), superseded: make(map[string]*Share)}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return held, about(dir, "cannot be read", err)
	}
	for _, entry := range entries {
		if err := held.read(entry); err != nil {
			if isSuperseded(entry.Name()) {
				held.unreadable = errors.Join(held.unreadable, err)
				continue
			}
			return held, err
		}
	}
	return held, nil
}

// read reads a file if its name is that of a share or a receipt.
func (h *holding) read(entry fs.DirEntry) error {
	name := entry.Name()
	if name != shareName && name != receiptName && !isUnconfirmed(name) && !isSuperseded(name) {
		return nil
	}
	if !entry.Type().IsRegular() { // reading a pipe would block, and a link may lead to a secret
		return fmt.Errorf("data directory %s: %s is a link, a pipe, a device or a directory, "+
			"but it must be a file: move it away", h.dir, name)
	}
	content, err := os.ReadFile(filepath.Join(h.dir, name))
	if err != nil {
		return about(h.dir, "cannot read "+name, err)
	}
	var share *Share
	if name == receiptName {
		h.receipt, err = parseReceipt(content)
	} else {
		share, err = parseShare(content)
	}
	if err == nil && share != nil {
		err = isNamedAfter(share, name)
	}
	switch {
	case err != nil:
		return about(h.dir, name, err)
	case name == shareName:
		h.share = share
	case isUnconfirmed(name):
		h.unconfirmed[name] = share
	case isSuperseded(name):
		h.superseded[name] = share
	}
	return nil
}

// isNamedAfter returns an error unless a share's file has the name that [Store] gives it. So
// each group key has at most one unconfirmed file, and no other file can take its place.
func isNamedAfter(share *Share, name string) error {
	unconfirmed := unconfirmedName(share.GroupKey)
	if name == shareName || name == unconfirmed || name == supersededName(unconfirmed) {
		return nil
	}
	return fmt.Errorf("its file name is that of another group key: move it away, or rename it to %s", unconfirmed)
}

// parseReceipt reads a receipt. A file that cannot be read may contain anything, so the
// error quotes nothing.
func parseReceipt(content []byte) (*syncmod.Receipt, error) {
	r, err := syncmod.ParseReceipt(bytes.TrimSpace(content))
	if err != nil {
		return nil, errors.New("it is not a receipt: move it away, or put the receipt of another member in its place")
	}
	if err := r.Verify(); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	return r, nil
}

// finish confirms the share that belongs to the receipt. The earlier process died
// before it could.
func (h holding) finish() (holding, error) {
	share, err := h.confirm(h.receipt)
	if err != nil {
		return h, fmt.Errorf("%w; move %s away if it belongs to another ceremony", err, receiptName)
	}
	return holding{dir: h.dir, share: share, receipt: h.receipt}, nil
}

// confirm does what [Confirm] does with a receipt that is verified already.
func (h holding) confirm(r *syncmod.Receipt) (*Share, error) {
	name, share, err := h.find(r.Result())
	switch {
	case err != nil:
		return nil, err
	case share == nil:
		err = fmt.Errorf("data directory %s: there is no share of the group key that the receipt attests (%s)",
			h.dir, shortKey(r.Result()))
		if h.unreadable != nil {
			err = fmt.Errorf("%w, unless it is in a file that cannot be read: %w", err, h.unreadable)
		}
		return nil, err
	}
	if err := share.confirmedBy(r); err != nil {
		return nil, fmt.Errorf("data directory %s: the receipt does not confirm %s: %w", h.dir, name, err)
	}
	switch {
	case h.share != nil && share != h.share:
		return nil, fmt.Errorf("data directory %s: %w: group key %s; to confirm %s in its place, "+
			"move %s and %s away first", h.dir, ErrHasShare, shortKey(h.share.GroupKey), name, shareName, receiptName)
	case h.receipt == nil:
		content, err := json.Marshal(r)
		if err != nil {
			return nil, fmt.Errorf("writing the receipt: %w", err)
		}
		if err := writeFile(h.dir, receiptName, content); err != nil {
			return nil, err
		}
	case !bytes.Equal(h.receipt.Result(), r.Result()):
		return nil, fmt.Errorf("data directory %s: %s is the receipt of another group key (%s): move it away",
			h.dir, receiptName, shortKey(h.receipt.Result()))
	}
	if share != h.share {
		if err := renameFile(h.dir, name, shareName); err != nil {
			return nil, err
		}
	}
	return share, h.supersede(share, name)
}

// find returns the share of a group key and the name of its file. Anybody who knows the
// group key could make a false share that looks right, so find returns an error instead
// of choosing between two different shares.
func (h holding) find(groupKey []byte) (name string, share *Share, err error) {
	for _, shares := range []map[string]*Share{{shareName: h.share}, h.unconfirmed, h.superseded} {
		for other, found := range shares {
			switch {
			case found == nil || !bytes.Equal(found.GroupKey, groupKey):
			case share != nil && !found.secret.Equal(share.secret):
				return "", nil, fmt.Errorf("data directory %s: %s and %s are two different shares of the same group "+
					"key (%s): move away the one that is not this node's", h.dir, name, other, shortKey(groupKey))
			case share == nil:
				name, share = other, found
			}
		}
	}
	return name, share, nil
}

// supersede renames the unconfirmed shares of other attempts. It removes none: a
// dishonest member may have passed the last barrier of such an attempt alone, and hold
// its receipt.
func (h holding) supersede(confirmed *Share, name string) error {
	for other, share := range h.unconfirmed {
		if other == name || !bytes.Equal(share.DefinitionHash, confirmed.DefinitionHash) {
			continue
		}
		if err := renameFile(h.dir, other, supersededName(other)); err != nil {
			return err
		}
	}
	return nil
}
