package prometheus_test

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
)

// node is a part of a query, as Prometheus parses it.
type node map[string]any

// names holds the metrics and labels that a query names.
type names struct {
	metrics []string
	labels  []string // labels to match, to group by or to join on
	made    []string // labels that the query itself makes
}

// parse lets Prometheus parse a query.
func (s *server) parse(query string) (n names, err error) {
	var root node
	err = s.ask("/api/v1/parse_query", url.Values{"query": {query}}, &root)
	n.read(root)
	return n, err
}

func (n *names) read(part node) {
	list := func(value any) (texts []string) {
		items, _ := value.([]any)
		for _, item := range items {
			texts = append(texts, item.(string))
		}
		return texts
	}
	switch part["type"] {
	case "vectorSelector", "matrixSelector":
		name, _ := part["name"].(string)
		n.metrics = append(n.metrics, name)
		matchers, _ := part["matchers"].([]any)
		for _, m := range matchers {
			n.labels = append(n.labels, m.(map[string]any)["name"].(string))
		}
	case "aggregation":
		n.labels = append(n.labels, list(part["grouping"])...)
	case "binaryExpr":
		if matching, ok := part["matching"].(map[string]any); ok {
			n.labels = append(n.labels, append(list(matching["labels"]), list(matching["include"])...)...)
		}
	case "call":
		args := part["args"].([]any)
		if part["func"].(map[string]any)["name"] == "label_replace" {
			const made, from = 1, 3
			n.made = append(n.made, args[made].(map[string]any)["val"].(string))
			n.labels = append(n.labels, args[from].(map[string]any)["val"].(string))
		}
	}
	for _, value := range part {
		switch v := value.(type) {
		case map[string]any:
			n.read(v)
		case []any:
			for _, item := range v {
				if child, ok := item.(map[string]any); ok {
					n.read(child)
				}
			}
		}
	}
}

// check returns an error if a query names a metric that does not exist, or a label that
// none of its metrics has. The parameter more has further labels to check, those of a
// legend.
func (s *server) check(query string, more ...string) error {
	s.t.Helper()
	n, err := s.parse(query)
	if err != nil {
		return err
	}
	known := make(map[string]bool)
	for _, metric := range n.metrics {
		labels := s.labels(metric)
		if len(labels) == 0 {
			return fmt.Errorf("there is no metric %q: %s", metric, query)
		}
		maps.Copy(known, labels)
	}
	for _, label := range append(n.labels, more...) {
		if !known[label] && !slices.Contains(n.made, label) {
			return fmt.Errorf("none of %q has a label %q: %s", n.metrics, label, query)
		}
	}
	return nil
}
