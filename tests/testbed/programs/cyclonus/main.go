// cyclonus says whether NetworkPolicies let connections through, without a cluster: the judgement of
// github.com/mattfenwick/cyclonus, which tests network plugins with it.
//
// It reads {"policies": […], "traffic": […]} and writes, for each connection, "", "egress" or "ingress": what refuses it.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	networkingv1 "k8s.io/api/networking/v1"
)

const version = "0.5.6"

type question struct {
	Policies []*networkingv1.NetworkPolicy
	Traffic  []*matcher.Traffic
}

func main() {
	if len(os.Args) > 1 && os.Args[1] == "--version" {
		fmt.Println("cyclonus", version)
		return
	}
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	policies := matcher.BuildNetworkPolicies(false, asked.Policies)
	refused := make([]string, len(asked.Traffic))
	for i, traffic := range asked.Traffic {
		switch result := policies.IsTrafficAllowed(traffic); {
		case !result.Egress.IsAllowed():
			refused[i] = "egress"
		case !result.Ingress.IsAllowed():
			refused[i] = "ingress"
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(refused); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
