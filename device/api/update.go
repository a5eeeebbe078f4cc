package api

// Update is the answer to a bundle that was taken: what runs, and what runs in a moment.
type Update struct {
	From    string `json:"from"`
	Version string `json:"version"`
}

// UpdateStatus says which versions a box has that takes bundles.
type UpdateStatus struct {
	Running  string        `json:"running"`
	Previous string        `json:"previous,omitempty"` // what runs if Running fails; absent where Running is Packaged
	Packaged string        `json:"packaged"`           // the last resort
	Trial    bool          `json:"trial"`              // a new version was not ready and healthy yet
	Failed   *UpdateFailed `json:"failed,omitempty"`   // what was rolled back last, until another bundle is taken
}

// UpdateFailed is a version that was rolled back.
type UpdateFailed struct {
	Version string `json:"version"`
	Reason  string `json:"reason"`
}
