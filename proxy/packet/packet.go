// Package packet turns the payloads of MySQL packets into structs and back. It does no I/O and knows no framing: a
// payload is what is left after the four-byte headers are taken away and the pieces of a long packet are joined.
//
// Every message has a Decode and an Append. Decoded byte slices are views into the payload: they are valid as long as
// the payload is. Decode never panics, checks every length, and answers ErrMalformed for whatever does not fit;
// Append(nil) of a decoded message gives the same bytes back whenever the payload was in the form that servers write
// (shortest lengths, zero fillers).
//
// Names of commands, capabilities, types and status flags are those of github.com/go-mysql-org/go-mysql/mysql.
// The reference is https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html, and for MariaDB
// https://mariadb.com/kb/en/clientserver-protocol/.
package packet

import (
	"errors"

	"github.com/go-mysql-org/go-mysql/mysql"
)

// ErrMalformed says that a payload is not the message that was expected. It carries no part of the payload.
var ErrMalformed = errors.New("malformed packet")

// MaxFragment is the longest payload of one packet; a longer one goes on in the next packet.
const MaxFragment = 1<<24 - 1

// IsErr reports whether the payload is an error packet.
func IsErr(b []byte) bool { return len(b) > 0 && b[0] == mysql.ERR_HEADER }

// IsOK reports whether the payload is an OK packet in the place where a response begins.
func IsOK(b []byte) bool { return len(b) > 0 && b[0] == mysql.OK_HEADER }

// IsEOF reports whether the payload is an EOF packet (as opposed to a row or an OK packet that begins with 0xFE).
func IsEOF(b []byte) bool { return len(b) > 0 && len(b) < 9 && b[0] == mysql.EOF_HEADER }

// IsLocalInfile reports whether a response asks the client for a file of its own.
func IsLocalInfile(b []byte) bool { return len(b) > 0 && b[0] == mysql.LocalInFile_HEADER }

// IsRowsEnd reports whether the payload, read where a row is expected, ends the rows: an EOF packet, or with
// CLIENT_DEPRECATE_EOF an OK packet whose first byte is 0xFE. A row that begins with 0xFE holds a value of 2^24 bytes or
// more, so that its first fragment is a full one; b may be that fragment alone.
func IsRowsEnd(b []byte, capabilities uint32) bool {
	if capabilities&mysql.CLIENT_DEPRECATE_EOF == 0 {
		return IsEOF(b)
	}
	return len(b) > 0 && len(b) < MaxFragment && b[0] == mysql.EOF_HEADER
}
