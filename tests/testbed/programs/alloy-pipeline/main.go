// The log collector's pipeline as Alloy runs it, without files and without a server: the rules of discovery.relabel, the
// stages of loki.process, and whether loki.write takes its arguments. It reads pods from its input, one JSON object each,
// {"discovered": {label: value}, "lines": [as the container runtime writes them]}, and prints the lines that would be
// sent, {"labels": {…}, "line": "…", "timestamp": nanoseconds}.
//
// It is a module under Alloy's path, so that it may import Alloy's internal packages; the components that find pods and
// read files need modules that are not published at the version that Alloy names.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"strings"

	"github.com/grafana/loki/pkg/push"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"

	"github.com/grafana/alloy/internal/component/common/loki"
	"github.com/grafana/alloy/internal/component/common/relabel"
	"github.com/grafana/alloy/internal/component/loki/process"
	"github.com/grafana/alloy/internal/component/loki/process/stages"
	"github.com/grafana/alloy/internal/component/loki/write"
	"github.com/grafana/alloy/internal/featuregate"
	"github.com/grafana/alloy/syntax/ast"
	"github.com/grafana/alloy/syntax/parser"
	"github.com/grafana/alloy/syntax/vm"
)

type relabelArguments struct {
	Targets []map[string]string `alloy:"targets,attr"`
	Rules   []*relabel.Config   `alloy:"rule,block,optional"`
}

type pod struct {
	Discovered map[string]string `json:"discovered"`
	Lines      []string          `json:"lines"`
}

type sent struct {
	Labels    model.LabelSet `json:"labels"`
	Line      string         `json:"line"`
	Timestamp int64          `json:"timestamp"`
}

// labels is what the rules of discovery.relabel change.
type labels map[string]string

func (l labels) Get(name string) string { return l[name] }
func (l labels) Set(name, value string) {
	if l[name] = value; value == "" {
		delete(l, name)
	}
}
func (l labels) Del(names ...string) {
	for _, name := range names {
		delete(l, name)
	}
}
func (l labels) Range(visit func(name, value string)) {
	for name, value := range maps.Clone(l) {
		visit(name, value)
	}
}

func evaluate(file *ast.File, name string, scope *vm.Scope, into any) error {
	for _, statement := range file.Body {
		if block, ok := statement.(*ast.BlockStmt); ok && strings.Join(block.Name, ".") == name {
			return vm.New(block.Body).Evaluate(scope, into)
		}
	}
	return fmt.Errorf("there is no %s", name)
}

func lines(input io.Reader, rules []*relabel.Config, into chan<- stages.Entry) error {
	defer close(into)
	decoder := json.NewDecoder(bufio.NewReader(input))
	for decoder.More() {
		var one pod
		if err := decoder.Decode(&one); err != nil {
			return err
		}
		found, own := labels(one.Discovered), model.LabelSet{}
		if !relabel.ProcessBuilder(found, rules...) {
			continue
		}
		found.Range(func(name, value string) {
			if !strings.HasPrefix(name, "__") {
				own[model.LabelName(name)] = model.LabelValue(value)
			}
		})
		own["filename"] = model.LabelValue(found["__path__"])
		for _, line := range one.Lines {
			entry := loki.NewEntry(own.Clone(), push.Entry{Line: line})
			into <- stages.Entry{Extracted: map[string]any{}, Entry: entry}
		}
	}
	return nil
}

func run(name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	file, err := parser.ParseFile(name, text)
	if err != nil {
		return err
	}
	receiver := loki.NewLogsReceiver()
	scope := vm.NewScope(map[string]any{
		"discovery": map[string]any{"kubernetes": map[string]any{"pods": map[string]any{"targets": []map[string]string{}}}},
		"loki":      map[string]any{"write": map[string]any{"loki": map[string]any{"receiver": receiver}}},
	})
	var found relabelArguments
	var processed process.Arguments
	var written write.Arguments
	for block, into := range map[string]any{
		"discovery.relabel": &found, "loki.process": &processed, "loki.write": &written,
	} {
		if err := evaluate(file, block, scope, into); err != nil {
			return fmt.Errorf("%s: %w", block, err)
		}
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	pipeline, err := stages.NewPipeline(
		logger, processed.Stages, prometheus.NewRegistry(), featuregate.StabilityGenerallyAvailable,
	)
	if err != nil {
		return err
	}
	in, failed := make(chan stages.Entry), make(chan error, 1)
	go func() { failed <- lines(os.Stdin, found.Rules, in) }()
	output := json.NewEncoder(os.Stdout)
	for entry := range pipeline.Run(in) {
		for name, value := range written.ExternalLabels {
			entry.Labels[model.LabelName(name)] = model.LabelValue(value)
		}
		if err := output.Encode(sent{entry.Labels, entry.Line, entry.Timestamp.UnixNano()}); err != nil {
			return err
		}
	}
	return <-failed
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: alloy-pipeline CONFIGURATION")
		os.Exit(64)
	}
	if os.Args[1] == "-version" {
		fmt.Println("alloy-pipeline, version v1.18.0")
		return
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
