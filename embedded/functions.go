package embedded

import (
	"github.com/dolthub/go-mysql-server/memory"
	"github.com/dolthub/go-mysql-server/sql"
	"github.com/dolthub/go-mysql-server/sql/expression/function"
	"github.com/dolthub/go-mysql-server/sql/types"
)

// provider is the memory engine's provider of databases, with functions of our own before the built-in ones.
type provider struct{ *memory.DbProvider }

// Function implements sql.FunctionProvider.
func (p *provider) Function(_ *sql.Context, name string) (sql.Function, bool) {
	switch name {
	case "coalesce":
		return sql.FunctionN{Name: name, Fn: coalesce}, true
	case "version":
		return sql.FunctionN{Name: name, Fn: function.NewVersion(versionPostfix)}, true
	default:
		return nil, false
	}
}

// coalesce is COALESCE as in MySQL, where the result of a binary and a text argument is binary. The built-in function
// makes it text and fails on bytes that are not valid UTF-8, which sealed values never are.
func coalesce(args ...sql.Expression) (sql.Expression, error) {
	binary := false
	for _, a := range args {
		binary = binary || a.Resolved() && types.IsBinaryType(a.Type())
	}
	if !binary {
		return function.NewCoalesce(args...)
	}
	last := len(args) - 1
	result := args[last]
	for i := last - 1; i >= 0; i-- {
		result = function.NewIfNull(args[i], result)
	}
	return result, nil
}
