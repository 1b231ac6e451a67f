package scratch

// Available reports whether there is anything to run a server with; where there is not, every Session is refused with Off.
func (e *Engine) Available() bool { return e.launcher != nil }
