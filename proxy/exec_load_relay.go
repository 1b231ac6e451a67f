package proxy

import (
	"bytes"
	"slices"
	"strings"

	"phiproxy/rewrite/fault"
	"phiproxy/rewrite/token"
)

// A server can ask for any file of the client in answer to any statement (MySQL manual, "Security Considerations for LOAD DATA
// LOCAL"). Its wish is passed on only when the client's own text is a LOAD ... LOCAL INFILE of that file.

// relayFile passes the server's wish for a file on to the client, and the file to the server. The wish is next and has the
// given size.
func (s *session) relayFile(size int) error {
	if size > maxStatusPacket {
		return backendError(errOutOfStep)
	}
	_, p, err := s.backend.Peek(size)
	if err != nil {
		return err
	}
	if !wished(s.files, p[1:]) {
		return s.localInfile()
	}
	if err := s.backend.Pass(); err != nil {
		return err
	}
	if err := s.settled(); err != nil {
		return err
	}
	for more := true; more; {
		size, _, err := s.client.Peek(0)
		if err != nil {
			return err
		}
		more = size > 0 // an empty packet ends the file
		if err := s.client.Pass(); err != nil {
			return err
		}
	}
	if err := s.client.Settle(); err != nil {
		return err
	}
	return s.relayResult()
}

// wished reports whether a name is one of those that the client wrote. One that is not ASCII comes back in another character
// set, and is not looked at.
func wished(written [][]byte, name []byte) bool {
	return slices.ContainsFunc(written, func(w []byte) bool {
		return !isASCII(w) || bytes.Equal(token.Unquote(nil, w, 0), name) || bytes.Equal(token.Unquote(nil, w, token.NoBackslashEscapes), name)
	})
}

// localFiles are the names, quotes included, of the files that the statements of a text load from the client.
func localFiles(sql []byte) (names [][]byte) {
	for {
		if name := localFile(sql); name != nil {
			names = append(names, name)
		}
		i := bytes.IndexByte(sql, ';')
		if i < 0 {
			return names
		}
		sql = sql[i+1:]
	}
}

// localFile is the name of the file that a statement loads from the client, nil for any other statement.
func localFile(sql []byte) []byte {
	rest, ok := stepWord(sql, "LOAD")
	if !ok {
		return nil
	}
	if rest, ok = stepWord(rest, "DATA", "XML"); !ok {
		return nil
	}
	rest, _ = stepWord(rest, "CONCURRENT")
	if low, ok := stepWord(rest, "LOW"); ok && len(low) > len("_PRIORITY") && strings.EqualFold(string(low[:len("_PRIORITY")]), "_PRIORITY") {
		rest = low[len("_PRIORITY"):]
	}
	if rest, ok = stepWord(rest, "LOCAL"); !ok {
		return nil
	}
	if rest, ok = stepWord(rest, "INFILE"); !ok {
		return nil
	}
	_, rest = firstWord(rest)
	return bytes.Clone(quoted(rest)) // the file will be read into the buffer that the text is in
}

// stepWord steps over the next word when it is one of those given in upper case.
func stepWord(sql []byte, words ...string) (rest []byte, ok bool) {
	word, rest := firstWord(sql)
	var upper [maxKeyword]byte
	if !slices.Contains(words, string(appendUpper(upper[:0], word))) {
		return sql, false
	}
	return rest, true
}

// quoted is the string literal that a text begins with, nil when it begins with something else. A quote that is doubled or
// behind a backslash does not end it.
func quoted(text []byte) []byte {
	if len(text) == 0 || text[0] != '\'' && text[0] != '"' {
		return nil
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] != text[0]:
		case i+1 < len(text) && text[i+1] == text[0]:
			i++
		default:
			return text[:i+1]
		}
	}
	return nil
}

// localInfile is a wish for a file that the client did not offer. This is a server to run away from.
func (s *session) localInfile() error {
	return backendError(fault.LocalInfile.With("0xFB"))
}
