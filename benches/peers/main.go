// Command peers holds what the benchmark needs beside the bridge: a service that does the same work, a cheap
// gateway, and a load of constant rate. Standard library only.
package main

import (
	"fmt"
	"os"
)

func main() {
	commands := map[string]func([]string) error{"bridge": runBridge, "gateway": runGateway, "pace": runPace}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: peers bridge|gateway|pace [-help]")
		os.Exit(2)
	}
	if err := commands[os.Args[1]](os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}
