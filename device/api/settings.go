package api

// Settings are what the box goes by, as the body of /api/v1/config: every key as it stands in a file, and where the values
// that are no defaults come from. It holds no secrets: those stand in files of their own.
type Settings struct {
	Config  map[string]any    `json:"config"`
	Sources map[string]string `json:"sources"` // dotted key -> "FILE:LINE", "-dir" …

	// ConfirmWithin is how long, in seconds, the settings last changed may still be confirmed; nil: none need to be.
	ConfirmWithin *float64 `json:"confirm_within"`
	// Pending is whether the system around the box, on the image, is at the last change of recorder or wifi.
	Pending bool `json:"pending"`
	// Undone is why the settings last changed are not in force any more; "" if they are.
	Undone string `json:"undone"`
}
