package main

// A load of constant rate. Each connection has its own share of the schedule; a latency counts from the moment
// a request was due, so that a slow answer also tells on the requests that had to wait for it.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"sort"
	"syscall"
	"time"
)

func runPace(arguments []string) error {
	flags := flag.NewFlagSet("pace", flag.ExitOnError)
	address := flags.String("address", "127.0.0.1:8080", "where to connect to")
	file := flags.String("request", "", "file with the whole request, head and body")
	rate := flags.Int("rate", 500, "requests per second")
	connections := flags.Int("connections", 16, "connections")
	seconds := flags.Int("seconds", 5, "how long; one second of warm-up comes on top")
	flags.Parse(arguments)
	request, err := os.ReadFile(*file)
	if err != nil {
		return err
	}
	// Every connection has a thread, which sleeps in the kernel: Go's own timers are only good to a millisecond.
	runtime.GOMAXPROCS(2**connections + 2)
	begin := time.Now().Add(100 * time.Millisecond)
	type outcome struct {
		latencies []time.Duration
		err       error
	}
	outcomes := make(chan outcome)
	for turn := 0; turn < *connections; turn++ {
		go func(turn int) {
			first := begin.Add(time.Duration(turn) * time.Second / time.Duration(*rate))
			every := time.Duration(*connections) * time.Second / time.Duration(*rate)
			latencies, err := keepPace(*address, turn, append([]byte(nil), request...), first, every, time.Duration(*seconds)*time.Second)
			outcomes <- outcome{latencies, err}
		}(turn)
	}
	var all []time.Duration
	for i := 0; i < *connections; i++ {
		one := <-outcomes
		if one.err != nil {
			return one.err
		}
		all = append(all, one.latencies...)
	}
	sort.Slice(all, func(i, j int) bool { return all[i] < all[j] })
	at := func(share float64) float64 { return float64(all[int(share*float64(len(all)-1))].Nanoseconds()) / 1000 }
	return json.NewEncoder(os.Stdout).Encode(map[string]interface{}{
		"requests": len(all), "p50_us": at(0.5), "p99_us": at(0.99), "max_us": at(1),
	})
}

// keepPace sends the request at every due time over one connection. The first second is not counted.
func keepPace(address string, turn int, request []byte, due time.Time, every, length time.Duration) ([]time.Duration, error) {
	const setTimerSlack = 29 // PR_SET_TIMERSLACK
	runtime.LockOSThread()
	syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
	connection, err := dial(address)
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	reader := bufio.NewReader(connection)
	counted := due.Add(time.Second)
	var latencies []time.Duration
	name := []byte("Idempotency-Key: ")
	key := bytes.Index(request, name)
	for number := 0; due.Before(counted.Add(length)); due = due.Add(every) {
		if key >= 0 {
			copy(request[key+len(name):], fmt.Sprintf("%04d%08d", turn, number))
			number++
		}
		if wait := time.Until(due); wait > 0 {
			pause := syscall.NsecToTimespec(wait.Nanoseconds())
			syscall.Nanosleep(&pause, nil)
		}
		if err := exchange(connection, reader, request); err != nil {
			return nil, err
		}
		if !due.Before(counted) {
			latencies = append(latencies, time.Since(due))
		}
	}
	return latencies, nil
}

// dial connects a socket that blocks its thread: Go's own wait for one shared poller, which costs time.
func dial(address string) (*os.File, error) {
	to, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, err
	}
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, err
	}
	peer := syscall.SockaddrInet4{Port: to.Port}
	copy(peer.Addr[:], to.IP.To4())
	if err := syscall.Connect(socket, &peer); err != nil {
		return nil, err
	}
	syscall.SetsockoptInt(socket, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	return os.NewFile(uintptr(socket), address), nil
}

// exchange sends one request and reads its answer, which must be a 200.
func exchange(connection io.ReadWriter, reader *bufio.Reader, request []byte) error {
	if _, err := connection.Write(request); err != nil {
		return err
	}
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("a push was answered with %s", response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
