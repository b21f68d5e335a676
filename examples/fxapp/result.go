package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/dkgsync/dkgsync/examples/fxapp/dkg"
)

// result says how a ceremony ended for a node. Operators and scripts read it.
type result struct {
	Outcome        string `json:"outcome"` // complete, failed or interrupted
	Operator       int    `json:"operator"`
	Attempt        int    `json:"attempt,omitempty"`
	Members        int    `json:"members"`
	Threshold      int    `json:"threshold"` // how many shares can sign together
	GroupPublicKey string `json:"group_public_key,omitempty"`
	Share          string `json:"share,omitempty"`   // the file's path
	Receipt        string `json:"receipt,omitempty"` // the file's path
	Error          string `json:"error,omitempty"`
	Advice         string `json:"advice,omitempty"` // what to do with a share that does not count yet
}

// result returns the result of a node that has stopped.
func (p *participation) result(o dkg.Outcome, failed error) result {
	r := result{
		Outcome: "complete", Operator: p.self, Members: len(p.definition.Peers),
		Threshold: dkg.Threshold(len(p.definition.Peers)), Share: o.Path, Receipt: o.Receipt, Advice: o.Advice(),
	}
	if p.last != nil {
		r.Attempt = p.last.Status().Attempt
	}
	if o.Share != nil {
		r.GroupPublicKey = fmt.Sprintf("%x", o.Share.GroupKey)
	}
	if failed != nil {
		r.Outcome, r.Error = "failed", failed.Error()
		if _, ok := errors.AsType[interruption](failed); ok {
			r.Outcome = "interrupted"
		}
	}
	return r
}

// print prints the result. As text it prints only the result of a complete ceremony; a
// failure is the command's error.
func (r result) print(out io.Writer, format string) error {
	if format == jsonFormat {
		encoder := json.NewEncoder(out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(r)
	}
	if r.Outcome != "complete" {
		return nil
	}
	_, err := fmt.Fprintf(out, `
The ceremony is complete: all %d members have attested the same group key.

  group key  %s
  threshold  %d of %d shares can sign together
  share      %s: this node's own, not encrypted; keep it secret, and back it up
  receipt    %s: signed by every member; keep it

fxapp verify %[6]s shows who has attested it.
`, r.Members, r.GroupPublicKey, r.Threshold, r.Members, r.Share, r.Receipt)
	return err
}
