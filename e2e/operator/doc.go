// Package operator holds the end-to-end tests of what an administrator does: the key commands of the real program against
// real databases and a key service, and every command of docs/runbooks.md.
package operator
