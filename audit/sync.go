package audit

import "time"

// Signing, and flushing to the disk. A head is written only when what it signs is on the disk: else a crash of the
// machine would look as if somebody had cut off the end of the log.

// sign adds a signature over everything that is not under one. The head follows with the next flush.
func (w *writer) sign() {
	if w.out == nil || w.n == w.signed {
		return
	}
	next := w.chain
	w.scratch = appendSign(w.scratch[:0], sign(w.key, w.log, w.chain), time.Now())
	w.buf = next.appendLine(w.buf[:0], w.scratch)
	err := w.put(next)
	if err == nil {
		w.signed = w.n
		w.head = &head{Log: w.log, N: w.n, Hash: w.hash.String(), signRecord: sign(w.key, w.log, w.chain)}
	}
	w.settle(err)
}

// flushResult is what came of a flush.
type flushResult struct {
	err  error
	head *head // that was not written, to be tried again
}

func flushTo(dir string, out file, h *head) flushResult {
	if err := out.Sync(); err != nil {
		return flushResult{err, h}
	}
	if h != nil && writeHead(dir, *h) != nil {
		return flushResult{nil, h}
	}
	return flushResult{}
}

// flush starts a flush when there is something to flush, and takes the result of the one before. The backlog is tried
// again as well.
func (w *writer) flush() {
	if w.gap != nil {
		w.settle(w.append(nil))
	}
	if w.syncing != nil {
		select {
		case r := <-w.syncing:
			w.flushed(r)
		default:
			return // the disk is slow
		}
	}
	if w.out == nil || !w.unsaved && w.head == nil {
		return
	}
	w.syncing = make(chan flushResult, 1)
	go func(dir string, out file, h *head, done chan<- flushResult) { done <- flushTo(dir, out, h) }(w.o.Dir, w.out, w.head, w.syncing)
	w.unsaved, w.head = false, nil
}

// flushNow flushes and waits for it.
func (w *writer) flushNow() error {
	w.awaitFlush()
	if w.out == nil {
		return w.broken
	}
	r := flushTo(w.o.Dir, w.out, w.head)
	w.unsaved, w.head = false, nil
	w.flushed(r)
	return r.err
}

func (w *writer) awaitFlush() {
	if w.syncing != nil {
		w.flushed(<-w.syncing)
	}
}

// flushed gives a file up that could not be flushed: the kernel may have dropped what it held of it, and a second flush
// would not say so (fsync(2)).
func (w *writer) flushed(r flushResult) {
	w.syncing = nil
	if w.head == nil {
		w.head = r.head
	}
	if r.err == nil || w.out == nil {
		return
	}
	_ = w.out.Close()
	w.out, w.unsaved, w.broken = nil, false, r.err
	w.settle(r.err)
}

// closeFile closes the current file, whose content counts whatever closing says.
func (w *writer) closeFile() {
	w.awaitFlush()
	if w.unsaved || w.head != nil {
		_ = w.flushNow() // an error is one of the disk, which the next file meets as well
	}
	if w.out != nil {
		_ = w.out.Close()
		w.out = nil
	}
}
