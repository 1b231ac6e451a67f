package main

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

var (
	errDeclined = errors.New("cancelled: nothing was done")
	errNobody   = usageError{errors.New("phiproxy: nobody answers the question; --yes answers it beforehand")}
)

// confirm asks and returns nil when the answer is the wanted word.
func confirm(env environment, question, want string) error {
	if env.in == nil {
		return errNobody
	}
	fmt.Fprint(env.out, question)
	answer, err := bufio.NewReader(env.in).ReadString('\n')
	if err != nil && answer == "" {
		fmt.Fprintln(env.out)
		return errNobody
	}
	if strings.TrimSpace(answer) != want {
		return errDeclined
	}
	return nil
}
