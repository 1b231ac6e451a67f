package proxy

import (
	"strconv"
	"strings"

	"phiproxy/proxy/packet"
)

// showOwnWarnings answers SHOW WARNINGS after a statement whose values the proxy adjusted as the server would have: the
// server knows nothing of those. Any other statement ends the life of the warnings, as it does in the server.
func (s *session) showOwnWarnings(sql []byte) (done bool, err error) {
	if len(s.warnings) == 0 {
		return false, nil
	}
	switch question(sql) {
	case "SHOW WARNINGS":
		return true, s.sendWarnings()
	case "SHOW COUNT(*) WARNINGS":
		return true, s.sendWarningCount()
	case "SHOW ERRORS", "SHOW COUNT(*) ERRORS":
		return false, nil
	}
	s.warnings = nil
	return false, nil
}

// question is a short statement in upper case, its white space made even.
func question(sql []byte) string {
	const longest = 64
	if len(sql) > longest {
		return ""
	}
	text := strings.TrimRight(string(sql), "; \t\r\n")
	return strings.Join(strings.Fields(strings.ToUpper(text)), " ")
}

func (s *session) sendWarnings() error {
	a, err := s.query([]byte("SHOW WARNINGS"))
	if err != nil {
		return err
	}
	for _, w := range s.warnings {
		a.Rows = append(a.Rows, [][]byte{[]byte("Warning"), strconv.AppendUint(nil, uint64(w.code), 10), []byte(w.text)})
	}
	return s.sendAnswer(a)
}

func (s *session) sendWarningCount() error {
	a, err := s.query([]byte("SHOW COUNT(*) WARNINGS"))
	if err != nil {
		return err
	}
	if len(a.Rows) == 1 && len(a.Rows[0]) == 1 {
		n, _ := strconv.Atoi(string(a.Rows[0][0]))
		a.Rows[0][0] = strconv.AppendInt(nil, int64(n+len(s.warnings)), 10)
	}
	return s.sendAnswer(a)
}

// sendAnswer sends a result set that is held in memory.
func (s *session) sendAnswer(a *answer) error {
	packets := [][]byte{packet.AppendLenEncInt(nil, uint64(len(a.Columns)))}
	for i := range a.Columns {
		packets = append(packets, a.Columns[i].Append(nil))
	}
	for _, p := range packets {
		if err := s.client.WritePacket(p); err != nil {
			return err
		}
	}
	if err := s.sendDefEOF(a.OK); err != nil {
		return err
	}
	for _, row := range a.Rows {
		if err := s.client.WritePacket(appendTextRow(nil, row)); err != nil {
			return err
		}
	}
	return s.sendEOF(a.OK)
}

func appendTextRow(dst []byte, row [][]byte) []byte {
	for _, v := range row {
		if v == nil {
			dst = packet.AppendNull(dst)
		} else {
			dst = packet.AppendLenEncBytes(dst, v)
		}
	}
	return dst
}
