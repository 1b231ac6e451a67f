package wire

// Peek returns the length of the next fragment and, without consuming anything, its first min(n, length) payload bytes.
// They are valid until the next call.
func (c *Conn) Peek(n int) (size int, head []byte, err error) {
	if err := c.need(headerSize); err != nil {
		return 0, nil, err
	}
	size = fragmentSize(c.in[c.pos:])
	n = min(n, size)
	if err := c.need(headerSize + n); err != nil {
		return 0, nil, err
	}
	at := c.pos + headerSize
	return size, c.in[at : at+n], nil
}

func fragmentSize(h []byte) int {
	return int(h[0]) | int(h[1])<<8 | int(h[2])<<16
}

// Pass forwards the next packet to the peer with all its fragments, numbered as the peer's next. The bytes stay in the
// read buffer until Settle or the next blocking read.
func (c *Conn) Pass() error {
	for {
		if err := c.need(headerSize); err != nil {
			return err
		}
		n, err := c.renumber()
		if err != nil {
			return err
		}
		if err := c.span(headerSize + n); err != nil {
			return err
		}
		if n < MaxFragment {
			return nil
		}
	}
}

// renumber gives the header at pos the peer's sequence id, so that both legs count right although one may have needed
// more packets for the command.
func (c *Conn) renumber() (int, error) {
	h := c.in[c.pos : c.pos+headerSize]
	n, err := c.header(h)
	if err != nil {
		return 0, err
	}
	h[3] = c.peer.seq
	c.peer.seq++
	return n, nil
}

// span marks the next n bytes as passed, reading and forwarding what is not there yet.
func (c *Conn) span(n int) error {
	for n > c.end-c.pos {
		n -= c.end - c.pos
		c.pos = c.end
		if err := c.fill(1); err != nil {
			return err
		}
	}
	c.pos += n
	return nil
}

// PassRows passes packets until the end of a result set is next: OK or EOF (0xFE in a short packet; a row that begins
// with 0xFE has a first value of 16 MiB or more and fills its fragment) or ERR (0xFF). It returns how many it passed.
func (c *Conn) PassRows() (rows uint64, err error) {
	for ; ; rows++ {
		size, head, err := c.Peek(1)
		if err != nil {
			return rows, err
		}
		if len(head) > 0 && head[0] >= 0xfe && (head[0] == 0xff || size < MaxFragment) {
			return rows, nil
		}
		if err := c.Pass(); err != nil {
			return rows, err
		}
	}
}

// Settle sends what Pass left in the read buffer.
func (c *Conn) Settle() error {
	if c.start == c.pos {
		return nil
	}
	p := c.in[c.start:c.pos]
	c.start = c.pos
	if len(c.peer.out)+len(p) <= blockSize && len(c.peer.out) > 0 {
		return c.peer.write(p)
	}
	if err := c.peer.Flush(); err != nil {
		return err
	}
	return c.peer.writeThrough(p)
}

// Drop reads the next packet with all its fragments and forwards nothing.
func (c *Conn) Drop() error {
	if err := c.Settle(); err != nil {
		return err
	}
	c.skip, c.more = 0, true
	return c.Skip()
}
