package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/creack/pty"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// kubelet answers what the API server asks of every node's kubelet. No container runs: a pod's log is ten lines that
// name it, a command runs on this machine with the pod's name in its environment, a port answers HTTP with its name.
type kubelet struct{}

const (
	logLines      = 10
	streamTimeout = 30 * time.Second
	idleTimeout   = time.Hour
)

// listenKubelet gives a port of this machine that only the API server is let in on: whoever is could run commands.
func listenKubelet() (net.Listener, error) {
	authority, err := os.ReadFile("ca.crt")
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(authority)
	own, err := tls.LoadX509KeyPair("server.crt", "server.key")
	if err != nil {
		return nil, err
	}
	// Streams are upgraded connections, which HTTP/2 has not.
	return tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{own},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    clients,
		MinVersion:   tls.VersionTLS12,
		NextProtos:   []string{"http/1.1"},
	})
}

func serveKubelet(ctx context.Context, listener net.Listener) error {
	routes := http.NewServeMux()
	routes.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", logs)
	routes.HandleFunc("/exec/{namespace}/{pod}/{container}", run)
	routes.HandleFunc("/portForward/{namespace}/{pod}", forward)
	server := http.Server{Handler: routes, ReadHeaderTimeout: streamTimeout}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return server.Serve(listener)
}

func logs(answer http.ResponseWriter, request *http.Request) {
	first := 0
	if tail, err := strconv.Atoi(request.FormValue("tailLines")); err == nil {
		first = max(0, logLines-tail)
	}
	for line := first; line < logLines; line++ {
		fmt.Fprintf(answer, "line %d of %s\n", line+1, podOf(request))
	}
	if request.FormValue("follow") == "true" {
		_ = http.NewResponseController(answer).Flush()
		<-request.Context().Done()
	}
}

func run(answer http.ResponseWriter, request *http.Request) {
	options, err := remotecommand.NewOptions(request)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	words := request.URL.Query()["command"]
	remotecommand.ServeExec(
		answer, request, kubelet{}, podOf(request), "", request.PathValue("container"), words, options,
		idleTimeout, streamTimeout, remotecommand.SupportedStreamingProtocols,
	)
}

func forward(answer http.ResponseWriter, request *http.Request) {
	options, err := portforward.NewV4Options(request)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusBadRequest)
		return
	}
	portforward.ServePortForward(
		answer, request, kubelet{}, podOf(request), "", options, idleTimeout, streamTimeout, portforward.SupportedProtocols,
	)
}

func podOf(request *http.Request) string {
	return request.PathValue("namespace") + "/" + request.PathValue("pod")
}

// ExecInContainer runs a command here, with the pod's name and nothing of this process's environment but PATH.
func (kubelet) ExecInContainer(
	ctx context.Context, pod, _, container string, words []string, in io.Reader, out, errors_ io.WriteCloser,
	terminal bool, sizes <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "POD=" + pod, "CONTAINER=" + container}
	command.Dir = os.TempDir()
	if terminal {
		return onTerminal(command, in, out, sizes)
	}
	command.Stdout, command.Stderr = out, errors_
	input, err := command.StdinPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return utilexec.CodeExitError{Err: err, Code: 127}
	}
	// By hand: Wait would wait for a standard input that nobody ends.
	go func() {
		if in != nil {
			_, _ = io.Copy(input, in)
		}
		_ = input.Close()
	}()
	return exitCode(command.Wait())
}

func onTerminal(command *exec.Cmd, in io.Reader, out io.Writer, sizes <-chan remotecommand.TerminalSize) error {
	terminal, err := pty.Start(command)
	if err != nil {
		return utilexec.CodeExitError{Err: err, Code: 127}
	}
	defer terminal.Close()
	go func() {
		for size := range sizes {
			_ = pty.Setsize(terminal, &pty.Winsize{Cols: size.Width, Rows: size.Height})
		}
	}()
	go func() { _, _ = io.Copy(terminal, in) }()
	_, _ = io.Copy(out, terminal)
	return exitCode(command.Wait())
}

func exitCode(err error) error {
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return utilexec.CodeExitError{Err: err, Code: failed.ExitCode()}
	}
	return err
}

// PortForward answers one HTTP request with the pod's name and the port.
func (kubelet) PortForward(_ context.Context, pod, _ string, port int32, stream io.ReadWriteCloser) error {
	defer stream.Close()
	if _, err := stream.Read(make([]byte, 64*1024)); err != nil {
		return err
	}
	said := fmt.Sprintf("%s:%d\n", pod, port)
	_, err := fmt.Fprintf(stream, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(said), said)
	return err
}
