package httpd

import (
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"clipd/device/api"
)

// resource is what one path answers, by method.
type resource map[string]route

// table puts the routes on a mux. Methods are told apart here, not by the mux, so that 405 is a problem document too.
func (s *Server) table() http.Handler {
	byPath := map[string]resource{}
	for _, rt := range s.list() {
		if byPath[rt.path] == nil {
			byPath[rt.path] = resource{}
		}
		byPath[rt.path][rt.method] = rt
	}
	mux := http.NewServeMux()
	for path, res := range byPath {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, path, res) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, "", nil) })
	return mux
}

// serveHTTP is the outermost handler. It passes w on as it is.
func (s *Server) serveHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if v := recover(); v != nil {
			if v != http.ErrAbortHandler {
				s.cfg.Log.Error("a request handler panicked", "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			}
			panic(http.ErrAbortHandler) // net/http closes the connection
		}
	}()
	setTLS(r)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if len(r.TransferEncoding) > 0 {
		// RFC 9112 §6.1: it may have had a Content-Length too, which net/http does not tell; what follows on the
		// connection may then be smuggled.
		w.Header().Set("Connection", "close")
	}
	s.routes.ServeHTTP(w, r)
}

// serve runs the route of res that r asks for, and tells what went wrong.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, path string, res resource) {
	s.metrics.request(path)
	if err := s.attempt(w, r, res); err != nil {
		s.fail(w, r, err)
	}
}

func (s *Server) attempt(w http.ResponseWriter, r *http.Request, res resource) error {
	if res == nil {
		return api.NewProblem(api.NotFound, "There is nothing at this address", "The addresses are in /api/openapi.yaml.")
	}
	rt, ok := res[r.Method]
	if !ok && r.Method == http.MethodHead {
		rt, ok = res[http.MethodGet]
	}
	if !ok {
		w.Header().Set("Allow", res.allow())
		return api.NewProblem(api.MethodNotAllowed, "This address does not take "+r.Method, "It takes "+res.allow()+".")
	}
	as, err := s.admit(w, r, rt)
	if err != nil {
		return err
	}
	return rt.do(w, r, as)
}

// allow is the Allow header, RFC 9110 §10.2.1.
func (res resource) allow() string {
	methods := slices.Collect(maps.Keys(res))
	if _, ok := res[http.MethodGet]; ok {
		methods = append(methods, http.MethodHead)
	}
	slices.Sort(methods)
	return strings.Join(methods, ", ")
}
