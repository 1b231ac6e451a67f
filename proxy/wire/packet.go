package wire

// Await blocks until the next packet begins to arrive.
func (c *Conn) Await() error { return c.need(1) }

// ReadPacket returns the payload of the next packet, its fragments joined. It is valid until the next read of this
// connection or Release. A payload over the limit gives ErrTooLarge; Skip then steps over it.
func (c *Conn) ReadPacket() ([]byte, error) {
	if err := c.Settle(); err != nil {
		return nil, err
	}
	total := 0
	for {
		n, err := c.fragment(total)
		if err != nil {
			return nil, err
		}
		total += n
		if n < MaxFragment {
			break
		}
	}
	payload := c.in[c.pos : c.pos+total : c.pos+total]
	c.pos += total
	c.start = c.pos
	return payload, nil
}

// fragment reads one header and its payload behind the `total` bytes of earlier fragments at pos, and takes the header
// out so that the payload is contiguous.
func (c *Conn) fragment(total int) (int, error) {
	if err := c.need(total + headerSize); err != nil {
		return 0, err
	}
	n, err := c.header(c.in[c.pos+total:])
	if err != nil {
		return 0, err
	}
	if total == 0 {
		c.pos += headerSize
		c.start = c.pos
	} else {
		at := c.pos + total
		c.end = at + copy(c.in[at:], c.in[at+headerSize:c.end])
	}
	if total+n > c.limit {
		c.pos += total // what was joined so far is dropped
		c.start = c.pos
		c.skip, c.more = n, n == MaxFragment
		return 0, c.failed("read", ErrTooLarge)
	}
	return n, c.need(total + n)
}

// header decodes the header at h and checks and counts its sequence id.
func (c *Conn) header(h []byte) (int, error) {
	// Inside of compressed packets, whose own ids were checked, servers number packets on from those.
	if h[3] != c.seq && c.packed == nil {
		return 0, c.failed("read", ErrSequence)
	}
	c.seq = h[3] + 1
	return int(h[0]) | int(h[1])<<8 | int(h[2])<<16, nil
}

// Skip reads and drops the rest of a packet for which ReadPacket returned ErrTooLarge.
func (c *Conn) Skip() error {
	for {
		if err := c.discard(c.skip); err != nil {
			return err
		}
		if !c.more {
			c.skip = 0
			return nil
		}
		if err := c.need(headerSize); err != nil {
			return err
		}
		n, err := c.header(c.in[c.pos:])
		if err != nil {
			return err
		}
		c.pos += headerSize
		c.start = c.pos
		c.skip, c.more = n, n == MaxFragment
	}
}

func (c *Conn) discard(n int) error {
	for n > 0 {
		if err := c.need(1); err != nil {
			return err
		}
		step := min(n, c.end-c.pos)
		c.pos += step
		c.start = c.pos
		n -= step
	}
	return nil
}

// WritePacket writes a payload of any length as one packet. The payload may be reused on return.
func (c *Conn) WritePacket(payload []byte) error {
	for {
		n := min(len(payload), MaxFragment)
		if err := c.writeFragment(payload[:n]); err != nil {
			return err
		}
		payload = payload[n:]
		if n < MaxFragment {
			return nil // a zero-length fragment ends a multiple of MaxFragment
		}
	}
}

// WriteCommand writes the packet of a command byte, what comes first behind it, and the body, which are not copied into one
// piece first. The head must be shorter than a fragment.
func (c *Conn) WriteCommand(command byte, head, body []byte) error {
	room := MaxFragment - 1 - len(head)
	n := min(len(body), room)
	if err := c.writeHeader(1 + len(head) + n); err != nil {
		return err
	}
	if err := c.reserve(1); err != nil {
		return err
	}
	c.out = append(c.out, command)
	if err := c.write(head); err != nil {
		return err
	}
	if err := c.write(body[:n]); err != nil {
		return err
	}
	if n < room {
		return nil
	}
	return c.WritePacket(body[n:])
}

func (c *Conn) writeFragment(p []byte) error {
	if err := c.writeHeader(len(p)); err != nil {
		return err
	}
	return c.write(p)
}

func (c *Conn) writeHeader(n int) error {
	if err := c.reserve(headerSize); err != nil {
		return err
	}
	c.out = append(c.out, byte(n), byte(n>>8), byte(n>>16), c.seq)
	c.seq++
	return nil
}
