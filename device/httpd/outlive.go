package httpd

import "context"

// Outlive lets the transfers that are under way when Serve is told to end go on after it, until they are done, or ctx is.
// The channel is closed then. They need nothing of the box any more: their files are open and their headers are sent. Call
// it while Serve runs.
func (s *Server) Outlive(ctx context.Context) (ended <-chan struct{}) {
	s.outlive.Store(&ctx)
	return s.ended
}
