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

// holding is what is in a data directory.
type holding struct {
	dir         string
	share       *Share            // confirmed; nil: there is none
	receipt     *syncmod.Receipt  // nil: there is none
	unconfirmed map[string]*Share // by the names of their files
	superseded  map[string]*Share // as well
	unreadable  error             // what is wrong with superseded ones: it stops nothing
}

// look reads all of a data directory.
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

// read reads a file, if it is one of those that count.
func (h *holding) read(entry fs.DirEntry) error {
	name := entry.Name()
	if name != shareName && name != receiptName && !isUnconfirmed(name) && !isSuperseded(name) {
		return nil
	}
	if !entry.Type().IsRegular() { // a pipe would be waited for, a link may lead to a secret
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

// isNamedAfter tells whether a share that is not confirmed has the name that [Store] gives it.
// So there is one of a group key, and another file beside it cannot take its place.
func isNamedAfter(share *Share, name string) error {
	unconfirmed := unconfirmedName(share.GroupKey)
	if name == shareName || name == unconfirmed || name == supersededName(unconfirmed) {
		return nil
	}
	return fmt.Errorf("its file name is that of another group key: move it away, or rename it to %s", unconfirmed)
}

// parseReceipt reads a receipt. What cannot be read may be anything, so its error says
// nothing about it.
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

// finish confirms the share for which there is a receipt: the process died between the
// two.
func (h holding) finish() (holding, error) {
	share, err := h.confirm(h.receipt)
	if err != nil {
		return h, fmt.Errorf("%w; move %s away if it belongs to another ceremony", err, receiptName)
	}
	return holding{dir: h.dir, share: share, receipt: h.receipt}, nil
}

// confirm is [Confirm] for a receipt that verifies.
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

// find returns the share of a group key, and the name of its file. Whoever knows the key
// could make another share that looks like one of it, so it never chooses between two.
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

// supersede sets the unconfirmed shares of other attempts aside. It removes none: a
// member that is not honest may have passed the last barrier of such an attempt alone,
// and have its receipt.
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
