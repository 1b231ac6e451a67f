// Package pump is a TCP relay that misbehaves on purpose: it cuts streams into tiny pieces, and can be made to drop every
// connection.
package pump

import (
	"io"
	"math/rand/v2"
	"net"
	"sync"
)

// Pump relays connections to a target.
type Pump struct {
	listener net.Listener
	target   string
	slice    int

	mu    sync.Mutex
	conns map[net.Conn]bool // open ones, both sides
	down  bool
	watch func([]byte)
}

// Start relays to target. With slice above 0, every write has 1 to slice bytes.
func Start(target string, slice int) (*Pump, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Pump{listener: listener, target: target, slice: slice, conns: map[net.Conn]bool{}}
	go p.accept()
	return p, nil
}

// Addr is where the pump listens.
func (p *Pump) Addr() string { return p.listener.Addr().String() }

// Close stops listening and drops every connection.
func (p *Pump) Close() error {
	err := p.listener.Close()
	p.Cut()
	return err
}

// Cut drops every connection there is; new ones are relayed again.
func (p *Pump) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Down makes the pump drop every connection, and new ones as soon as they are made; Down(false) ends that.
func (p *Pump) Down(down bool) {
	p.mu.Lock()
	p.down = down
	p.mu.Unlock()
	if down {
		p.Cut()
	}
}

// Watch makes the pump call f with everything that clients send before it passes it on. f may take its time.
func (p *Pump) Watch(f func(sent []byte)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watch = f
}

// watched is a reader that shows what it reads.
type watched struct {
	io.Reader
	pump *Pump
}

func (w watched) Read(b []byte) (int, error) {
	n, err := w.Reader.Read(b)
	w.pump.mu.Lock()
	f := w.pump.watch
	w.pump.mu.Unlock()
	if f != nil && n > 0 {
		f(b[:n])
	}
	return n, err
}

func (p *Pump) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		go p.relay(client)
	}
}

func (p *Pump) relay(client net.Conn) {
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.track(client, server) {
		_ = client.Close()
		return
	}
	var both sync.WaitGroup
	both.Go(func() { p.copy(server, client, watched{client, p}) })
	both.Go(func() { p.copy(client, server, server) })
	both.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, client)
	delete(p.conns, server)
}

func (p *Pump) track(client, server net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		_ = server.Close()
		return false
	}
	p.conns[client], p.conns[server] = true, true
	return true
}

// copy moves bytes one way, as in reads them, and closes both ends when that way ends.
func (p *Pump) copy(to, from net.Conn, in io.Reader) {
	defer to.Close()
	defer from.Close()
	if p.slice == 0 {
		_, _ = io.Copy(to, in)
		return
	}
	buf := make([]byte, 4096)
	for {
		n, err := in.Read(buf)
		for rest := buf[:n]; len(rest) > 0; {
			k := min(len(rest), 1+rand.IntN(p.slice))
			if _, err := to.Write(rest[:k]); err != nil {
				return
			}
			rest = rest[k:]
		}
		if err != nil {
			return
		}
	}
}
