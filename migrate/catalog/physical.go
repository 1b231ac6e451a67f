package catalog

import "fmt"

// Binary tells whether the column holds bytes as they are, of any length up to its capacity.
func (c *ColumnInfo) Binary() bool {
	switch c.DataType {
	case "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return true
	}
	return false
}

// Capacity is the number of bytes that fit into a binary column, 0 for any other.
func (c *ColumnInfo) Capacity() int {
	switch c.DataType {
	case "tinyblob":
		return 1<<8 - 1
	case "blob":
		return 1<<16 - 1
	case "mediumblob":
		return 1<<24 - 1
	case "longblob":
		return 1<<32 - 1
	case "varbinary":
		var n int
		if _, err := fmt.Sscanf(c.Type, "varbinary(%d)", &n); err == nil {
			return n
		}
	}
	return 0
}
