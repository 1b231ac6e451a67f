package scratch

import "sync"

// tail keeps the end of what a program prints until it is told to forget: what a server prints while it starts explains
// why it did not, what it prints later may quote statements.
type tail struct {
	mu     sync.Mutex
	text   []byte
	closed bool
}

const tailSize = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.closed {
		t.text = append(t.text, p...)
		t.text = t.text[max(0, len(t.text)-tailSize):]
	}
	return len(p), nil
}

// forget drops everything, now and later.
func (t *tail) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text, t.closed = nil, true
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
