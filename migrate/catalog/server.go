package catalog

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"phiproxy/rewrite"
)

// Server is what the backend says about itself.
type Server struct {
	Flavor         rewrite.Flavor
	Version        int    // 80039 for 8.0.39, 101119 for 10.11.19
	Text           string // @@version
	LowerCaseNames int    // @@lower_case_table_names
	Database       string // current database of the proxy's account: home of the key tables and of the metadata table
}

func (r *reader) server(ctx context.Context) (Server, error) {
	rows, err := r.rows(ctx, "SELECT VERSION(), @@lower_case_table_names, DATABASE()")
	if err != nil {
		return Server{}, err
	}
	if len(rows) != 1 {
		return Server{}, fmt.Errorf("the server did not tell its version")
	}
	text := rows[0][0].String
	fold, err := strconv.Atoi(rows[0][1].String)
	if err != nil {
		return Server{}, fmt.Errorf("the server's lower_case_table_names is not a number")
	}
	version, err := versionNumber(text)
	if err != nil {
		return Server{}, err
	}
	return Server{Flavor: flavorOf(text), Version: version, Text: text, LowerCaseNames: fold, Database: rows[0][2].String}, nil
}

func flavorOf(version string) rewrite.Flavor {
	switch lower := strings.ToLower(version); {
	case strings.Contains(lower, "mariadb"):
		return rewrite.MariaDB
	case strings.Contains(lower, "embedded"):
		return rewrite.Embedded
	}
	return rewrite.MySQL
}

// versionNumber reads "10.11.19-MariaDB-0+deb12u1" as 101119. Replication hacks of MariaDB put "5.5.5-" before it.
func versionNumber(text string) (int, error) {
	if strings.Contains(strings.ToLower(text), "mariadb") {
		text = strings.TrimPrefix(text, "5.5.5-")
	}
	numbers, _, _ := strings.Cut(text, "-")
	parts := strings.Split(numbers, ".")
	if len(parts) < 3 {
		return 0, fmt.Errorf("the server's version is not like 8.0.39")
	}
	version := 0
	for _, p := range parts[:3] {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n > 99 {
			return 0, fmt.Errorf("the server's version is not like 8.0.39")
		}
		version = version*100 + int(n)
	}
	return version, nil
}
