package keys

import "time"

// EMF asks for CloudWatch metrics as Embedded Metric Format lines in the ring's log, which must write JSON at level info.
type EMF struct {
	Namespace string        // CloudWatch namespace; default "phiproxy"
	Interval  time.Duration // time between two lines; default 1 min
}
