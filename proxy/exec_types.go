package proxy

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite"
	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/logical"
	"phiproxy/rewrite/token"
	"phiproxy/scratch"
)

// seeZone finds out the session's time zone for a plan that shows a protected TIMESTAMP.
func (s *session) seeZone(p *rewrite.Plan) error {
	if s.env.Results.Zone != nil || !zoned(p) {
		return nil
	}
	zone, err := s.zone()
	if err != nil {
		return err
	}
	s.env.Results.Zone = zone
	return nil
}

// zone is where the session's time_zone is.
func (s *session) zone() (*time.Location, error) {
	settings, err := s.scratchSettings(false)
	if err != nil {
		return nil, err
	}
	name := settings.Zone()
	if s.zones[name] == nil {
		zone, err := location(name)
		if err != nil {
			return nil, err
		}
		if s.zones == nil {
			s.zones = make(map[string]*time.Location)
		}
		s.zones[name] = zone
	}
	return s.zones[name], nil
}

// zoned reports whether a plan shows values that depend on the time zone.
func zoned(p *rewrite.Plan) bool {
	for i := range p.Outputs {
		o := &p.Outputs[i]
		if o.Table != nil && !o.Flag && isTimestamp(&o.Table.Columns[o.Column]) {
			return true
		}
	}
	return false
}

// location is a time_zone of the servers: an offset, a name of the zone tables, or what zoneOf says of SYSTEM.
func location(name string) (*time.Location, error) {
	if name == systemZone {
		return time.Local, nil
	}
	if at, err := time.Parse("-07:00", name); err == nil {
		_, offset := at.Zone()
		return time.FixedZone(name, offset), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, fault.ScratchZone.With("time_zone %s", name)
	}
	return zone, nil
}

// writtenOut are, by type, the texts that mean the same bound and as a literal on MySQL, whose conditions differ for others.
var writtenOut = map[string]*regexp.Regexp{
	"date": regexp.MustCompile(`^\d{4}-\d\d-\d\d$`), "time": regexp.MustCompile(`^-?\d{2,3}:\d\d:\d\d(\.\d{1,6})?$`),
	"datetime": moments, "timestamp": moments,
}

var moments = regexp.MustCompile(`^\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d(\.\d{1,6})?)?$`)

func isTimestamp(c *rewrite.Column) bool {
	return strings.HasPrefix(c.Protected.Type.String(), "timestamp")
}

// bytesAsSent makes BLOBs of texts that are bound for columns of bytes, when the server would convert nothing on the way: what drivers
// send as a text need not be one.
func (s *session) bytesAsSent(p *prepared) {
	if s.env.Client != s.env.Connection {
		return
	}
	eachValue(p.st, func(t *rewrite.Table, column int, l rewrite.Literal) {
		if l.Kind == token.Param && t.Columns[column].Protected.Type.Form() == logical.Bytes && p.exec.Params[l.Param].Text() {
			p.exec.Params[l.Param].Type = mysql.MYSQL_TYPE_BLOB
		}
	})
}

// boundOtherwise refuses an execution whose literals the scratch server finds fault with as texts that a column's character set does
// not have: MySQL has another error for a bound one (3988), in every sql_mode.
func (s *session) boundOtherwise(err error, list []scratch.Warning) error {
	if !s.reparsed || s.flavor() != rewrite.MySQL {
		return err
	}
	var answered *scratch.ServerError
	wrong := errors.As(err, &answered) && wrongText(answered.Code, answered.Message)
	for _, w := range list {
		wrong = wrong || wrongText(w.Code, w.Message)
	}
	if wrong {
		return fault.ValueForm.With("a bound text that its column's character set does not have")
	}
	return err
}

func wrongText(code uint16, message []byte) bool {
	return code == 1366 && bytes.HasPrefix(message, []byte("Incorrect string value"))
}

// sameAsLiteral reports whether a bound value for a column of the type means what its literal means, errors and warnings
// included.
func sameAsLiteral(t logical.Type, p *packet.Param, mariaDB bool) bool {
	base, _, _ := strings.Cut(t.String(), "(")
	base, _, _ = strings.Cut(base, " ")
	plain, dated := writtenOut[base]
	switch n, isInt := p.Int(); {
	case isInt:
		return !dated || !p.Unsigned || n >= 0
	case p.Text() && !utf8.Valid(p.Value), p.Text() && !mariaDB && (numeric[base] || base == "year") && !isASCII(p.Value): // shown otherwise in the error
		return false
	case p.Text():
		return !dated || mariaDB || plain.Match(p.Value)
	}
	switch p.Type {
	case mysql.MYSQL_TYPE_TINY_BLOB, mysql.MYSQL_TYPE_MEDIUM_BLOB, mysql.MYSQL_TYPE_LONG_BLOB, mysql.MYSQL_TYPE_BLOB:
		return t.Form() == logical.Bytes
	case mysql.MYSQL_TYPE_FLOAT, mysql.MYSQL_TYPE_DOUBLE, mysql.MYSQL_TYPE_DECIMAL, mysql.MYSQL_TYPE_NEWDECIMAL:
		return numeric[base]
	case mysql.MYSQL_TYPE_DATE, mysql.MYSQL_TYPE_DATETIME, mysql.MYSQL_TYPE_TIMESTAMP:
		return base == "datetime" || base == "timestamp"
	case mysql.MYSQL_TYPE_TIME:
		return base == "time"
	}
	return false
}

var numeric = map[string]bool{
	"tinyint": true, "smallint": true, "mediumint": true, "int": true, "bigint": true, "decimal": true, "float": true, "double": true,
}
