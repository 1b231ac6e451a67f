package rewrite

import (
	"slices"
	"strings"
	"sync"

	"github.com/pingcap/tidb/pkg/parser"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// Planner plans statements against one schema snapshot. It is safe for concurrent use.
type Planner struct {
	schema  *Schema
	names   *names
	scan    *matcher // all that Mentions looks for
	tables  *matcher // the part of it that names tables, views and routines
	plans   *planCache
	parsers sync.Pool // *parser.Parser
	keys    sync.Pool // *[]byte, for shape keys
	known   func() map[string]bool
	compute bool // a scratch server is there
}

// NewPlanner makes a planner that remembers up to shapes statement shapes.
func NewPlanner(schema *Schema, shapes int) *Planner {
	n := newNames(schema)
	return &Planner{
		schema:  schema,
		names:   n,
		scan:    newMatcher(slices.Concat(words, n.spellings())),
		tables:  newMatcher(n.spellings()),
		plans:   newPlanCache(shapes),
		parsers: sync.Pool{New: func() any { return parser.New() }},
		keys:    sync.Pool{New: func() any { return new([]byte) }},
		known:   sync.OnceValue(func() map[string]bool { return knownNames(schema) }),
	}
}

// WithScratch makes the planner plan statements for the scratch server, too. It must be called before the planner is used.
func (p *Planner) WithScratch() *Planner {
	p.compute = true
	return p
}

// Schema is the snapshot that the planner works with.
func (p *Planner) Schema() *Schema { return p.schema }

func (p *Planner) scanOptions(m token.Mode) token.Options {
	o := token.Options{Mode: m, MariaDB: p.schema.Flavor == MariaDB, Version: p.schema.ServerVersion}
	if p.schema.Flavor == Embedded { // it executes comments of every version
		o.Version = 0
	}
	return o
}

// Plan finds out what becomes of a statement. The statement keeps sql, which must not change while it is in use.
func (p *Planner) Plan(st State, sql []byte) (*Statement, *fault.Error) {
	toks, err := token.Scan(make([]token.Token, 0, len(sql)/4+8), sql, p.scanOptions(st.Mode))
	if err != nil {
		return nil, fault.BadTokens.With("%v", err)
	}
	buf := p.keys.Get().(*[]byte)
	defer p.keys.Put(buf)
	key := shapeKey((*buf)[:0], st, sql, toks)
	*buf = key
	e, ok := p.plans.get(key)
	if !ok {
		u := p.unitOf(st, sql, toks)
		if e.plan, e.fault = u.plan(); e.plan != nil {
			e.plan.Shape = p.shapeOf(sql, toks)
		}
		if !u.literal {
			p.plans.put(key, e)
		}
	}
	if e.fault != nil {
		return nil, e.fault
	}
	return &Statement{Plan: e.plan.bind(st.Mode, sql, toks), SQL: sql, Tokens: toks}, nil
}

// bind fills in what a plan says about the literals of one text.
func (p *Plan) bind(m token.Mode, sql []byte, toks []token.Token) *Plan {
	if len(p.wrapped) == 0 {
		return p
	}
	bound := *p
	bound.Outputs = append([]Output(nil), p.Outputs...)
	for _, w := range p.wrapped {
		values := make([][]byte, len(w.literals))
		for i, t := range w.literals {
			values[i] = token.Unquote(nil, toks[t].Text(sql), m)
		}
		bound.Outputs[w.output].Wrapped = &Wrapped{Literals: values, NotNull: w.notNull}
	}
	return &bound
}

// boundWrap is an output whose literals differ from text to text.
type boundWrap struct {
	output int
	wrapping
}

// plan chooses by the statement's first word.
func (u *unit) plan() (*Plan, *fault.Error) {
	if u.end == 0 {
		return relay("empty statement"), nil
	}
	if u.state.Mode&token.Oracle != 0 && u.namesAny(0) {
		return nil, fault.SQLMode.With("ORACLE")
	}
	p, err := u.dispatch()
	if err != nil {
		return nil, err
	}
	if len(u.schema.InfoColumns) > 0 && !u.inner {
		if p, err = u.planInformation(p); err != nil {
			return nil, err
		}
	}
	slices.SortStableFunc(p.edits, func(a, b edit) int { return a.at - b.at })
	return p, nil
}

func (u *unit) dispatch() (*Plan, *fault.Error) {
	switch {
	case u.manyStatements() && u.namesAny(0) && !u.storedCode():
		return nil, fault.Multi.With("a semicolon inside")
	case u.is(0, "SET"):
		u.literal = true
		return u.planSet()
	case u.is(0, "PREPARE"), u.is(0, "EXECUTE"):
		u.literal = true
		return u.planDynamic()
	case u.is(0, "XA", "DEALLOCATE"):
		return relay("names no table"), nil
	case u.is(0, "CREATE", "ALTER"):
		return u.planDefinition()
	case u.is(0, "DROP") && u.hasWord(1, "INDEX") && u.namesAny(1):
		return u.planIndex(1)
	case u.is(0, "DROP") && u.hasWord(1, "TABLE", "TABLES") && u.namesAny(1):
		return u.planDrop()
	case u.is(0, harmless...) && !(u.hasWord(1, "SELECT") && u.namesAny(1)), u.is(0, "GRANT", "REVOKE"):
		return relay("moves no value of a protected column"), nil
	case u.is(0, compound...), u.is(0, "BEGIN") && u.is(1, "NOT"):
		return u.planCompound()
	case u.is(0, "SHOW") && u.hasWord(1, "TABLES"):
		return u.planShow()
	case !u.namesAny(0):
		return relay("names no protected table"), nil
	case u.namesReserved():
		return nil, fault.OddName.With("%s", ownerPrefix)
	}
	return u.planNamed()
}

// harmless statements name tables but neither read nor write values of theirs.
var harmless = []string{"TRUNCATE", "CHECK", "CHECKSUM", "OPTIMIZE", "REPAIR", "LOCK", "UNLOCK", "FLUSH", "DROP",
	"USE", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "START", "KILL", "CACHE", "PURGE", "RESET", "HELP", "GET"}

// compound are the words that MariaDB's compound statements begin with, outside of routines too.
var compound = []string{"IF", "LOOP", "WHILE", "REPEAT", "FOR", "CASE", "DECLARE"}

// planNamed plans a statement that holds the name of a protected table, opaque view or routine.
func (u *unit) planNamed() (*Plan, *fault.Error) {
	switch {
	case u.is(0, "SELECT", "TABLE", "VALUES"), u.op(0, "("):
		return u.planSelect()
	case u.is(0, "WITH"):
		return u.planWith()
	case u.is(0, "INSERT", "REPLACE"):
		return u.orComputed(planInsert(u))
	case u.is(0, "UPDATE"):
		return u.orComputed(planUpdate(u))
	case u.is(0, "DELETE"):
		return u.orComputed(planDelete(u))
	case u.is(0, "SHOW"):
		return u.planShow()
	case u.is(0, "DESCRIBE", "DESC", "EXPLAIN"):
		return u.planDescribe()
	case u.is(0, "ANALYZE"):
		return u.planAnalyze()
	case u.is(0, "DO"):
		return u.planExpressions()
	case u.is(0, "CALL"):
		return u.planCall()
	case u.is(0, "RENAME"):
		return u.planRename()
	case u.is(0, "LOAD"):
		return u.planLoad()
	case u.is(0, "HANDLER"):
		return nil, fault.Handler.With("HANDLER")
	}
	return nil, fault.Statement.With("first word not known")
}

// namesReserved reports whether the statement names one of the columns that plans add.
func (u *unit) namesReserved() bool {
	for i := range u.end {
		if name, ok := u.name(i); ok && strings.HasPrefix(fold(name), ownerPrefix) {
			return true
		}
	}
	return false
}

// storedCode reports whether the statement holds other statements as its body, so that semicolons are its own.
func (u *unit) storedCode() bool {
	object, _ := u.object()
	return u.is(0, "CREATE", "ALTER") && slices.Contains(codeObjects, object) || u.is(0, compound...) || u.is(0, "BEGIN") && u.is(1, "NOT")
}

// manyStatements reports whether a semicolon stands inside of the text.
func (u *unit) manyStatements() bool {
	for i := range u.end {
		if u.op(i, ";") {
			return true
		}
	}
	return false
}

func relay(why string) *Plan { return &Plan{Verdict: Relay, Why: why} }
