package wire

import (
	"bytes"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// answering is a connection that has asked once and been answered, so that its next question is sent before it tries to
// read; and the other end of it.
func answering(t *testing.T) (c *Conn, other net.Conn) {
	t.Helper()
	a, b := tcpPair(t)
	c = New(a, "test", testLimit)
	c.Answers()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_ = b.SetDeadline(time.Now().Add(10 * time.Second))
	ask(t, c, "first")
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Write(frame([]byte("answer"), 1)); err != nil {
		t.Fatal(err)
	}
	if got, err := c.ReadPacket(); err != nil || string(got) != "answer" {
		t.Fatalf("%q, %v", got, err)
	}
	if got := make([]byte, headerSize+5); !read(t, b, got, "first") {
		t.Fatalf("%q", got)
	}
	return c, b
}

func ask(t *testing.T, c *Conn, question string) {
	t.Helper()
	c.ResetSequence()
	if err := c.WritePacket([]byte(question)); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, nc net.Conn, got []byte, want string) bool {
	t.Helper()
	if _, err := io.ReadFull(nc, got); err != nil {
		t.Fatal(err)
	}
	return string(got[headerSize:]) == want
}

func TestAnswers(t *testing.T) {
	c, other := answering(t)
	for range 100 {
		ask(t, c, "again")
		go func() {
			if got := make([]byte, headerSize+5); read(t, other, got, "again") {
				_, _ = other.Write(frame([]byte("yes"), 1))
			}
		}()
		if got, err := c.ReadPacket(); err != nil || string(got) != "yes" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}

// What arrived before the question is still read, and an end of the connection that came before it is noticed.
func TestAnswersBeforeTheQuestion(t *testing.T) {
	t.Run("early", func(t *testing.T) {
		c, other := answering(t)
		early := frame([]byte("early"), 1)
		if _, err := other.Write(early); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
		ask(t, c, "again")
		go func() {
			if got := make([]byte, headerSize+5); read(t, other, got, "again") {
				_, _ = other.Write(frame([]byte("later"), 2))
			}
		}()
		for _, want := range []string{"early", "later"} {
			if got, err := c.ReadPacket(); err != nil || !bytes.Equal(got, []byte(want)) {
				t.Fatalf("%q, %v", got, err)
			}
		}
	})
	t.Run("closed", func(t *testing.T) {
		c, other := answering(t)
		_ = other.Close()
		time.Sleep(10 * time.Millisecond)
		ask(t, c, "again")
		if _, err := c.ReadPacket(); !Closed(err) && !errors.Is(err, syscall.EPIPE) {
			t.Fatal(err)
		}
	})
	t.Run("last words", func(t *testing.T) {
		c, other := answering(t)
		if _, err := other.Write(frame([]byte("bye"), 1)); err != nil {
			t.Fatal(err)
		}
		_ = other.Close()
		time.Sleep(10 * time.Millisecond)
		ask(t, c, "again")
		if got, err := c.ReadPacket(); err != nil || string(got) != "bye" {
			t.Fatalf("%q, %v", got, err)
		}
	})
}
