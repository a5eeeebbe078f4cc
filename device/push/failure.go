package push

import "errors"

// kind is what follows from a failure.
type kind int

const (
	counted kind = iota // the attempt counts
	away                // the target could not be reached: it rests, and the attempt does not count
	later               // the box itself is not ready: the attempt does not count
	final               // no further attempt can do better
)

// failure is why an attempt did not bring the clip to its target. Its text is for people, and holds no secret.
type failure struct {
	kind kind
	text string
}

func (f *failure) Error() string { return f.text }

// asFailure is what err means for the push; whatever is not said otherwise counts.
func asFailure(err error) *failure {
	var f *failure
	if errors.As(err, &f) {
		return f
	}
	return &failure{counted, err.Error()}
}

// Why an attempt is ended from outside.
var (
	errOff     = &failure{later, "pushes were turned off"}
	errRemoved = &failure{later, "the clip was removed while it was being pushed"}
	errStopped = &failure{later, "clipd was stopped"}
)
