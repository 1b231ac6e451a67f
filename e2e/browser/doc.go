// Package browser holds the test of the operator's page: the real program, a real database and a real browser.
//
//	go test ./e2e/browser -artifacts -outputdir /tmp    keeps the screenshots
package browser
