package admin

import (
	"context"
	"os"
	"time"

	"go.uber.org/zap"

	"phiproxy/config"
)

// Reload says where tokens, client certificates and the port's own certificate come from while it runs.
type Reload struct {
	File  string                       // the configuration; looked at every few seconds
	Load  func() (config.Admin, error) // reads it again
	Now   <-chan os.Signal             // SIGHUP; may be nil
	Every time.Duration                // between two looks; default 2 s
}

// Watch takes up changes of who may use the port, until ctx ends. A file that does not load changes nothing.
func (s *Server) Watch(ctx context.Context, r Reload) {
	if r.Every <= 0 {
		r.Every = 2 * time.Second
	}
	ticker := time.NewTicker(r.Every)
	defer ticker.Stop()
	last := s.stamps(r.File)
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.Now:
			last = s.stamps(r.File)
			s.reload(r.Load)
		case <-ticker.C:
			if now := s.stamps(r.File); now != last {
				last = now
				s.reload(r.Load)
			}
		}
	}
}

// stamp tells whether a file is another than before. Files of a mounted secret change by a link that points elsewhere,
// which shows in the time of what it points to.
type stamp struct {
	changed time.Time
	size    int64
}

// stamps are those of the configuration, the certificate and its key.
func (s *Server) stamps(file string) (list [3]stamp) {
	for i, name := range []string{file, s.options.Config.TLS.Cert, s.options.Config.TLS.Key} {
		if info, err := os.Stat(name); err == nil {
			list[i] = stamp{info.ModTime(), info.Size()}
		}
	}
	return list
}

func (s *Server) reload(load func() (config.Admin, error)) {
	c, err := load()
	if err != nil {
		s.log.Error("the configuration cannot be read again; tokens and certificates stay as they are", zap.Error(err))
		return
	}
	access, err := newCredentials(c)
	if err == nil {
		err = s.loadCertificate()
	}
	if err != nil {
		s.log.Error("tokens and certificates stay as they are", zap.Error(err))
		return
	}
	s.access.Store(access)
	s.log.Info("admin tokens and certificates read again", zap.Int("tokens", len(c.Tokens)), zap.Int("certificates", len(c.Certificates)))
	s.warn(c)
}

// warnAhead is how long before its end a token is warned of.
const warnAhead = 14 * 24 * time.Hour

// warn tells of an access that nobody has, or will not have for long.
func (s *Server) warn(c config.Admin) {
	if len(c.Tokens)+len(c.Certificates) == 0 {
		s.log.Warn("nobody can use the admin port but for probes: there is no token and no client certificate; see 'phiproxy token new'")
	}
	for _, t := range c.Tokens {
		if time.Until(t.Expires.Time()) < warnAhead {
			s.log.Warn("a token of the admin port has expired or soon will", zap.String("name", t.Name), zap.Stringer("expires", t.Expires))
		}
	}
}
