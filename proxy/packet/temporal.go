package packet

import (
	"encoding/binary"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
)

func appendTemporalLiteral(dst []byte, p Param, typed bool) ([]byte, error) {
	if typed {
		dst = append(dst, temporalKeyword(p)...)
	}
	dst, err := AppendTemporalText(append(dst, '\''), p.Type, p.Value)
	return append(dst, '\''), err
}

// temporalKeyword is the word that makes a string a literal of the parameter's type, "" for a date without one.
func temporalKeyword(p Param) string {
	switch {
	case p.Type == mysql.MYSQL_TYPE_TIME:
		return "TIME"
	case !inCalendar(p.Value):
		return ""
	case p.Type == mysql.MYSQL_TYPE_DATE:
		return "DATE"
	}
	return "TIMESTAMP"
}

// inCalendar reports whether a date of the binary protocol is a day that there was.
func inCalendar(v []byte) bool {
	if len(v) < 4 {
		return false
	}
	year, month, day := int(binary.LittleEndian.Uint16(v)), time.Month(v[2]), int(v[3])
	y, m, d := time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Date()
	return year > 0 && y == year && m == month && d == day
}

// AppendTemporalText appends a date or time of the binary protocol as the text protocol shows it: "YYYY-MM-DD",
// "YYYY-MM-DD hh:mm:ss[.ffffff]" or "[-]hh:mm:ss[.ffffff]". Fields that were left out are zero. Numbers are not checked
// against the calendar: the server does that.
func AppendTemporalText(dst []byte, typ byte, v []byte) ([]byte, error) {
	if size, _ := binarySize(typ); size != temporal || !temporalSize(typ, len(v)) {
		return dst, ErrMalformed
	}
	var all [12]byte
	copy(all[:], v)
	if typ == mysql.MYSQL_TYPE_TIME {
		return appendTime(dst, all, len(v)), nil
	}
	dst = appendPadded(dst, uint64(binary.LittleEndian.Uint16(all[:])), 4)
	dst = appendPadded(append(dst, '-'), uint64(all[2]), 2)
	dst = appendPadded(append(dst, '-'), uint64(all[3]), 2)
	if typ == mysql.MYSQL_TYPE_DATE || typ == mysql.MYSQL_TYPE_NEWDATE {
		return dst, nil
	}
	dst = appendClock(append(dst, ' '), uint64(all[4]), all[5], all[6])
	if len(v) == 11 {
		dst = appendMicroseconds(dst, all[7:11])
	}
	return dst, nil
}

func appendTime(dst []byte, all [12]byte, size int) []byte {
	if all[0] != 0 {
		dst = append(dst, '-')
	}
	days := uint64(binary.LittleEndian.Uint32(all[1:]))
	dst = appendClock(dst, days*24+uint64(all[5]), all[6], all[7])
	if size == 12 {
		dst = appendMicroseconds(dst, all[8:12])
	}
	return dst
}

func appendClock(dst []byte, hours uint64, minutes, seconds byte) []byte {
	dst = appendPadded(dst, hours, 2)
	dst = appendPadded(append(dst, ':'), uint64(minutes), 2)
	return appendPadded(append(dst, ':'), uint64(seconds), 2)
}

func appendMicroseconds(dst, v []byte) []byte {
	return appendPadded(append(dst, '.'), uint64(binary.LittleEndian.Uint32(v)), 6)
}

// appendPadded appends n with zeros in front up to the width.
func appendPadded(dst []byte, n uint64, width int) []byte {
	var digits [20]byte
	i := len(digits)
	for n > 0 || i > len(digits)-width {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(dst, digits[i:]...)
}
