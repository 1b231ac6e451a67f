package proxy

import (
	"encoding/binary"
	"errors"
	"math"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"

	"phiproxy/proxy/packet"
	"phiproxy/rewrite/fault"
)

// Doubles that are no numbers have no text that a server would read as them.
func TestParametersThatAreNoNumbers(t *testing.T) {
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, p := range []packet.Param{
			{ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_DOUBLE}, Value: binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))},
			{ParamType: packet.ParamType{Type: mysql.MYSQL_TYPE_FLOAT}, Value: binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(f)))},
		} {
			v, err := new(writer).paramValue(&p)
			var refused *fault.Error
			if !errors.As(err, &refused) || refused.Fault != fault.ValueForm {
				t.Errorf("%g: %q, %v", f, v.Bytes, err)
			}
		}
	}
}
