// Promtail. Its makers' last modules hold all of its packages but no longer its command, which is this: it reads the
// file that -config.file names as strictly as theirs did, and with -check-syntax says only whether it is accepted.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/grafana/dskit/flagext"
	"github.com/prometheus/client_golang/prometheus"
	"gopkg.in/yaml.v2"

	"github.com/grafana/loki/v3/clients/pkg/promtail"
	"github.com/grafana/loki/v3/clients/pkg/promtail/client"
	"github.com/grafana/loki/v3/clients/pkg/promtail/config"
)

func load(file string) (config.Config, error) {
	var settings config.Config
	flagext.DefaultValues(&settings)
	text, err := os.ReadFile(file)
	if err != nil {
		return settings, err
	}
	return settings, yaml.UnmarshalStrict(text, &settings)
}

func run(file string, check bool) error {
	settings, err := load(file)
	if err != nil {
		return err
	}
	metrics := client.NewMetrics(prometheus.DefaultRegisterer)
	reload := func() (*config.Config, error) {
		again, err := load(file)
		return &again, err
	}
	program, err := promtail.New(settings, reload, metrics, check)
	if err != nil || check {
		return err
	}
	defer program.Shutdown()
	return program.Run()
}

func main() {
	file := flag.String("config.file", "", "the configuration")
	check := flag.Bool("check-syntax", false, "only say whether the configuration is accepted")
	version := flag.Bool("version", false, "print the version")
	flag.Parse()
	if *version {
		fmt.Println("promtail, version 3.7.8")
		return
	}
	if err := run(*file, *check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
