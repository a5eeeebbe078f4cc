package api

import "net/http"

// The problem slugs. A slug is a contract; its title may be reworded.
const (
	BadRequest       = "bad-request"
	Unauthorized     = "unauthorized"
	Forbidden        = "forbidden"
	NotFound         = "not-found"
	MethodNotAllowed = "method-not-allowed"
	Conflict         = "conflict"
	NotHashed        = "not-hashed"
	Gone             = "gone"
	RangeNotOK       = "range-not-satisfiable"
	WrongHost        = "wrong-host"
	TooManyRequests  = "too-many-requests"
	Internal         = "internal"
	StorageTrouble   = "storage-problem"
	Busy             = "busy"
	Invalid          = "invalid"
	NotAllowed       = "not-allowed"
	Timeout          = "timeout"
	LinkExpired      = "link-expired"
	LinkBad          = "link-invalid"
)

var statuses = map[string]int{
	BadRequest: http.StatusBadRequest, Invalid: http.StatusBadRequest,
	Unauthorized: http.StatusUnauthorized,
	Forbidden:    http.StatusForbidden, NotAllowed: http.StatusForbidden,
	LinkExpired: http.StatusForbidden, LinkBad: http.StatusForbidden,
	NotFound: http.StatusNotFound, MethodNotAllowed: http.StatusMethodNotAllowed,
	Conflict: http.StatusConflict, NotHashed: http.StatusConflict,
	Gone: http.StatusGone, RangeNotOK: http.StatusRequestedRangeNotSatisfiable,
	WrongHost: http.StatusMisdirectedRequest, TooManyRequests: http.StatusTooManyRequests,
	StorageTrouble: http.StatusServiceUnavailable, Busy: http.StatusServiceUnavailable,
	Timeout: http.StatusGatewayTimeout,
}

// NewProblem makes a Problem of the slug; title says what happened, detail to what and what to do.
func NewProblem(slug, title, detail string) *Problem {
	status, ok := statuses[slug]
	if !ok {
		status = http.StatusInternalServerError
	}
	return &Problem{Type: slug, Title: title, Status: status, Detail: detail}
}
