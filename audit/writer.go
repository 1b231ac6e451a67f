package audit

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"errors"
	"os"
	"path/filepath"
	"time"
)

const (
	queueLength = 1024      // records that wait for the writer; more wait in their sessions
	batchBytes  = 256 << 10 // bytes that the writer gathers before it writes
	backlogMax  = 1 << 20   // bytes of ends that wait for the disk to be writable again
	retryPause  = time.Second
)

// request is a record on its way to the writer.
type request struct {
	members []byte // of the record, see chain.appendLine
	keep    bool   // it must not get lost when it cannot be written now
	done    chan error
}

// writer is the one goroutine that writes. It owns the chain.
type writer struct {
	o      Options
	key    ed25519.PrivateKey
	health *health

	chain
	log  string // id
	file uint64 // number of the current file, or of the last one
	torn int    // bytes that are no record at the end of that one
	cut  string // why the log before this process cannot be whole

	out     file // nil when there is none
	size    int64
	opened  time.Time
	retry   time.Time        // when to try again to make a file
	broken  error            // why there is none
	unsaved bool             // something was written since the last flush
	syncing chan flushResult // result of the flush that is under way; nil when none is
	head    *head            // to be written with the next flush
	signed  uint64           // last record that is a signature, or was the last one when the log was opened
	batch   []*request       // to be answered
	buf     []byte           // lines to be written
	backlog [][]byte         // members of ends that could not be written
	waiting int              // bytes in backlog
	gap     *gapRecord       // to be recorded when the log can be written again
	since   time.Time        // beginning of the gap
	scratch []byte           // members of the writer's own records
}

func newWriter(o Options) (*writer, error) {
	h, err := readHead(o.Dir)
	if err != nil {
		return nil, err
	}
	t, err := readTail(o.Dir, h)
	if err != nil {
		return nil, err
	}
	key, err := openKey(o.KeyFile, t.file > 0)
	if err != nil {
		return nil, err
	}
	w := &writer{o: o, key: key, chain: t.chain, log: t.log, file: t.file, torn: t.torn, signed: t.n, cut: t.cut(h, key)}
	if w.log == "" {
		w.log = newLogID()
	}
	return w, nil
}

// open begins the next file. The one before is closed when that worked: until then it is still there to be written to.
func (w *writer) open(why string) error {
	name := filepath.Join(w.o.Dir, fileName(w.file+1))
	out, err := w.o.create(name + unfinished)
	if err != nil {
		return err
	}
	next := w.chain
	now := time.Now()
	w.scratch = appendFile(w.scratch[:0], fileRecord{Version: 1, Log: w.log, File: w.file + 1, Why: why, Prev: w.hash.String(), Torn: w.torn, Cut: w.cut}, now)
	line := next.appendLine(nil, w.scratch)
	if err := complete(out, line, name); err != nil {
		_ = os.Remove(name + unfinished)
		return errors.Join(err, out.Close())
	}
	if w.out != nil {
		w.closeFile()
	}
	w.chain, w.out, w.size, w.opened = next, out, int64(len(line)), now
	w.file, w.torn, w.cut, w.unsaved = w.file+1, 0, "", false
	w.health.records.Store(w.n)
	w.o.Anchor(w.n, w.hash.String())
	return nil
}

// complete writes a file's first line and gives it its name, both so that they survive a crash of the machine.
func complete(f file, line []byte, name string) error {
	if _, err := f.Write(line); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(name+unfinished, name); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// write runs the writer until the queue is closed.
func (l *Log) write(w *writer) {
	defer close(l.done)
	flush, sign := time.NewTicker(l.o.SyncInterval), time.NewTicker(l.o.Interval)
	defer flush.Stop()
	defer sign.Stop()
	for {
		select {
		case r, open := <-l.queue:
			if !open {
				w.end()
				return
			}
			w.gather(r, l.queue)
			w.commit()
		case <-flush.C:
			w.flush()
		case <-sign.C:
			w.sign()
		}
	}
}

// gather takes what else is in the queue, up to a full batch.
func (w *writer) gather(first *request, queue <-chan *request) {
	w.batch = append(w.batch[:0], first)
	for size := len(first.members); size < batchBytes; {
		select {
		case r, open := <-queue:
			if !open {
				return // the next receive sees it too
			}
			w.batch = append(w.batch, r)
			size += len(r.members)
		default:
			return
		}
	}
}

// commit writes a batch and answers its requests.
func (w *writer) commit() {
	w.rotate()
	err := w.append(w.batch)
	if err == nil && w.o.SyncEach {
		err = w.flushNow()
	}
	w.settle(err)
	for _, r := range w.batch {
		if err != nil {
			w.postpone(r)
		}
		r.done <- err
	}
}

// append writes a gap's record, the backlog and a batch, all or nothing.
func (w *writer) append(batch []*request) error {
	if err := w.ready(); err != nil {
		return err
	}
	next := w.chain
	w.buf = w.buf[:0]
	if w.gap != nil {
		w.gap.Until = time.Now()
		w.scratch = appendGap(w.scratch[:0], *w.gap, w.since)
		w.buf = next.appendLine(w.buf, w.scratch)
	}
	for _, members := range w.backlog {
		w.buf = next.appendLine(w.buf, members)
	}
	for _, r := range batch {
		w.buf = next.appendLine(w.buf, r.members)
	}
	if err := w.put(next); err != nil {
		return err
	}
	w.gap, w.backlog, w.waiting = nil, nil, 0
	return nil
}

// put writes w.buf, behind which the chain's state is next. When that fails, what was written of it is taken back; when
// that fails too the file is given up as it is.
func (w *writer) put(next chain) error {
	n, err := w.out.Write(w.buf)
	if err == nil {
		w.chain, w.size, w.unsaved = next, w.size+int64(n), true
		w.health.records.Store(w.n)
		return nil
	}
	if n > 0 && w.out.Truncate(w.size) != nil {
		w.keepWritten(w.buf[:n])
		w.closeFile()
		w.broken = err
	}
	return err
}

// keepWritten moves the chain behind the records that a failed write did write. The next file says how many bytes
// follow them that are no record.
func (w *writer) keepWritten(written []byte) {
	for {
		line, rest, whole := bytes.Cut(written, []byte{'\n'})
		if !whole {
			w.torn = len(line)
			return
		}
		_ = w.check(line) // it is the chain's next line: appendLine made it
		written = rest
	}
}

// ready sees to it that there is a file, and no faster than once in a while when there is none.
func (w *writer) ready() error {
	if w.out != nil {
		return nil
	}
	if time.Now().After(w.retry) {
		w.broken = w.open(writeError)
		w.retry = time.Now().Add(retryPause)
	}
	return w.broken
}

// rotate begins a new file when the current one is large or old enough. If that cannot be done the old one is used on.
func (w *writer) rotate() {
	var why string
	switch now := time.Now(); {
	case w.out == nil || now.Before(w.retry):
		return
	case w.size >= w.o.RotateSize:
		why = full
	case now.Sub(w.opened) >= w.o.RotateAge:
		why = old
	default:
		return
	}
	w.sign()
	if w.out == nil || w.open(why) != nil {
		w.retry = time.Now().Add(retryPause)
	}
}

// postpone keeps an end that could not be written, and counts everything else.
func (w *writer) postpone(r *request) {
	if w.gap == nil {
		w.gap, w.since = new(gapRecord), time.Now()
	}
	switch {
	case r.keep && w.waiting+len(r.members) <= backlogMax:
		w.backlog = append(w.backlog, append([]byte(nil), r.members...))
		w.waiting += len(r.members)
	case !r.keep && w.o.OnFull == Refuse:
		w.gap.Stopped++
		w.health.refused.Add(1)
	default:
		w.gap.Missing++
		w.health.lost.Add(1)
	}
}

// settle tells of changes between writable and not.
func (w *writer) settle(err error) {
	if w.health.set(err) {
		w.o.Report(err)
	}
}

// end writes what is left and closes the log.
func (w *writer) end() {
	if w.gap != nil {
		w.settle(w.append(nil))
	}
	w.sign()
	w.o.Anchor(w.n, w.hash.String())
	if w.out != nil {
		w.health.closing = w.flushNow()
	}
	w.health.closing = cmp.Or(w.health.closing, w.health.error())
	w.closeFile()
}
