package main

// A gateway that says yes to everything, as cheaply as possible: just enough HTTP/1.1 for requests with a
// Content-Length. It can delay its answers, speak TLS, and counts what it answers (GET /stats).

import (
	"bufio"
	"crypto/tls"
	"flag"
	"fmt"
	"io"
	"math/rand"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

const accepted = `{"alibaba_jym_servicecenter_mediation_result_push_response":` +
	`{"result":true,"is_success":true,"state_code":"20000","request_id":"15r5ob2gprlsv"}}`

type gateway struct {
	delay                  time.Duration
	lock                   sync.Mutex
	answered, flying, peak int
}

func runGateway(arguments []string) error {
	flags := flag.NewFlagSet("gateway", flag.ExitOnError)
	bind := flags.String("bind", "127.0.0.1:8090", "where to listen")
	delay := flags.Duration("delay", 0, "mean time until a push is answered; each waits 50 to 150 % of it")
	certificate := flags.String("certificate", "", "certificate (PEM); speaks TLS if set")
	key := flags.String("key", "", "private key of the certificate (PEM)")
	counters := flags.String("stats", "127.0.0.1:8091", "where to tell the counters, always without TLS")
	flags.Parse(arguments)
	gateway := &gateway{delay: *delay}
	plain, err := net.Listen("tcp", *counters)
	if err != nil {
		return err
	}
	go gateway.accept(plain)
	listener, err := net.Listen("tcp", *bind)
	if err != nil {
		return err
	}
	if *certificate != "" {
		pair, err := tls.LoadX509KeyPair(*certificate, *key)
		if err != nil {
			return err
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}})
	}
	return gateway.accept(listener)
}

func (g *gateway) accept(listener net.Listener) error {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go g.serve(connection)
	}
}

// serve answers one request after another until the peer closes.
func (g *gateway) serve(connection net.Conn) {
	defer connection.Close()
	reader := bufio.NewReaderSize(connection, 4096)
	for {
		isPush, path, err := readRequest(reader)
		if err != nil {
			return
		}
		answer := accepted
		if isPush {
			g.count(+1)
			if g.delay > 0 {
				time.Sleep(g.delay/2 + time.Duration(rand.Int63n(int64(g.delay))))
			}
		} else if path == "/stats" {
			answer = g.stats()
		}
		_, err = io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\n"+
			"Content-Length: "+strconv.Itoa(len(answer))+"\r\n\r\n"+answer)
		if isPush {
			g.count(-1)
		}
		if err != nil {
			return
		}
	}
}

// count changes the number of pushes in flight by one; one that ends was answered.
func (g *gateway) count(change int) {
	g.lock.Lock()
	defer g.lock.Unlock()
	g.flying += change
	if change < 0 {
		g.answered++
	} else if g.flying > g.peak {
		g.peak = g.flying
	}
}

// stats tells the counters; the peak begins anew.
func (g *gateway) stats() string {
	g.lock.Lock()
	defer g.lock.Unlock()
	peak := g.peak
	g.peak = g.flying
	return fmt.Sprintf(`{"answered":%d,"in_flight":%d,"peak":%d}`, g.answered, g.flying, peak)
}

// readRequest reads a request to its end and drops its body.
func readRequest(reader *bufio.Reader) (isPush bool, path string, err error) {
	line, err := reader.ReadSlice('\n')
	if err != nil {
		return false, "", err
	}
	if parts := strings.SplitN(string(line), " ", 3); len(parts) == 3 {
		isPush, path = parts[0] == "POST", parts[1]
	}
	const name = "content-length:"
	length := 0
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			return false, "", err
		}
		if len(line) <= 2 {
			break
		}
		if len(line) > len(name) && strings.EqualFold(string(line[:len(name)]), name) {
			if length, err = strconv.Atoi(strings.TrimSpace(string(line[len(name):]))); err != nil {
				return false, "", err
			}
		}
	}
	_, err = reader.Discard(length)
	return isPush, path, err
}
