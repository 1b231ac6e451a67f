package proxy

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"phiproxy/audit"
	"phiproxy/rewrite"
)

// maxShapes is how many shapes of statements are counted. When there are more, those that were seen longest ago give way.
const maxShapes = 2048

// shapeCounts counts statements by shape and what became of them.
type shapeCounts struct{ shards [16]shapeShard }

type shapeShard struct {
	mu     sync.RWMutex
	counts map[shapeKey]*shapeCount
}

type shapeKey struct {
	hash    uint64
	verdict rewrite.Verdict
	reason  string // of a refusal
}

// shapeCount is one shape and verdict. What is above the counters never changes.
type shapeCount struct {
	shape       *rewrite.Shape
	fingerprint string
	verdict     string
	reason      string
	tables      []string // protected ones that are touched, schema.table
	columns     []string // schema.table.column, written ones with a "=" behind them

	count, errors, rows atomic.Uint64
	last                atomic.Int64 // Unix time in nanoseconds
}

func (c *shapeCount) begin() {
	c.count.Add(1)
	c.last.Store(time.Now().UnixNano())
}

func (c *shapeCount) end(failed bool, rows uint64) {
	if failed {
		c.errors.Add(1)
	}
	c.rows.Add(rows)
}

// planned returns the counter of a plan's shape.
func (s *shapeCounts) planned(p *rewrite.Plan) *shapeCount {
	key := shapeKey{hash: p.Shape.Hash, verdict: p.Verdict}
	if c := s.get(key); c != nil {
		return c
	}
	c := &shapeCount{shape: p.Shape, verdict: verdictName(p.Verdict)}
	for _, t := range p.Touches {
		table := t.Table.Schema + "." + t.Table.Name
		column := table + "." + t.Table.Columns[t.Column].Name
		if t.Write {
			column += "="
		}
		c.tables, c.columns = appendNew(c.tables, table), appendNew(c.columns, column)
	}
	return s.put(key, c)
}

func appendNew(list []string, text string) []string {
	if slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// refused returns the counter of a refused shape.
func (s *shapeCounts) refused(shape *rewrite.Shape, reason string) *shapeCount {
	key := shapeKey{hash: shape.Hash, reason: reason}
	if c := s.get(key); c != nil {
		return c
	}
	return s.put(key, &shapeCount{shape: shape, verdict: audit.VerdictRefuse, reason: reason})
}

func verdictName(v rewrite.Verdict) string {
	switch v {
	case rewrite.Direct:
		return "direct"
	case rewrite.Lookup:
		return "lookup"
	case rewrite.Scratch:
		return "scratch"
	}
	return "relay"
}

func (s *shapeCounts) shard(key shapeKey) *shapeShard {
	return &s.shards[key.hash%uint64(len(s.shards))]
}

func (s *shapeCounts) get(key shapeKey) *shapeCount {
	shard := s.shard(key)
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	return shard.counts[key]
}

// put adds a counter, unless somebody else has been faster.
func (s *shapeCounts) put(key shapeKey, c *shapeCount) *shapeCount {
	shard := s.shard(key)
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if there := shard.counts[key]; there != nil {
		return there
	}
	if shard.counts == nil {
		shard.counts = make(map[shapeKey]*shapeCount)
	}
	if len(shard.counts) >= maxShapes/len(s.shards) {
		shard.dropOldest()
	}
	c.fingerprint = c.shape.Fingerprint()
	shard.counts[key] = c
	return c
}

func (s *shapeShard) dropOldest() {
	var oldest shapeKey
	var since int64
	for key, c := range s.counts {
		if last := c.last.Load(); since == 0 || last < since {
			oldest, since = key, last
		}
	}
	delete(s.counts, oldest)
}

// StatementCount is one shape of statements about protected tables, and how often it came.
type StatementCount struct {
	Fingerprint string // hash of the whole text
	Text        string // without any literal; see rewrite.Shape
	Verb        string
	Verdict     string // relay, direct, lookup, refuse
	Reason      string // PHI number of the refusal
	Count       uint64
	Errors      uint64 // refusals included
	Rows        uint64 // returned or affected; not known of relayed ones
	Last        time.Time
}

// Statements lists the shapes of statements that name protected tables, the most frequent first. There are at most
// maxShapes.
func (srv *Server) Statements() []StatementCount {
	var list []StatementCount
	for i := range srv.shapes.shards {
		list = srv.shapes.shards[i].appendTo(list)
	}
	slices.SortFunc(list, func(a, b StatementCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Fingerprint, b.Fingerprint), cmp.Compare(a.Reason, b.Reason))
	})
	return list
}

func (s *shapeShard) appendTo(list []StatementCount) []StatementCount {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.counts {
		list = append(list, StatementCount{
			Fingerprint: c.fingerprint, Text: c.shape.Text, Verb: c.shape.Verb, Verdict: c.verdict, Reason: c.reason,
			Count: c.count.Load(), Errors: c.errors.Load(), Rows: c.rows.Load(), Last: time.Unix(0, c.last.Load()).UTC(),
		})
	}
	return list
}
