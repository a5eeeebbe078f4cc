package api

// Status is the body of /api/v1/status.
type Status struct {
	State
	Version string       `json:"version"`
	Box     string       `json:"box"`
	Name    string       `json:"name"`
	Model   string       `json:"model,omitempty"`
	URL     string       `json:"url"`
	BootID  string       `json:"boot_id"`
	Uptime  float64      `json:"uptime"` // seconds since clipd started
	Scan    Scan         `json:"scan"`
	Broker  BrokerStatus `json:"broker"`
	Push    PushStatus   `json:"push"`
	TLS     *TLSStatus   `json:"tls,omitempty"` // absent without http.listen_tls
	Partial int          `json:"partial"`
	// Update is absent where no bundle is taken: there apt is the update.
	Update  *UpdateStatus `json:"update,omitempty"`
	Disk    *Disk         `json:"disk"`                  // null while the recordings folder is away
	Memory  int64         `json:"memory"`                // bytes resident
	Celsius *float64      `json:"temperature,omitempty"` // of the board, where it tells
	Journal [2]uint64     `json:"journal"`               // first and last seq
}

// BrokerStatus is what the announcer knows of its broker.
type BrokerStatus struct {
	URL       string `json:"url"`
	Connected bool   `json:"connected"`
	Waiting   uint64 `json:"waiting"` // journal rows not announced yet, at most
	Error     string `json:"error,omitempty"`
}

// PushStatus is how the queue of pushes is.
type PushStatus struct {
	On       bool      `json:"on"`
	Waiting  int       `json:"waiting"`
	Dead     int       `json:"dead"`      // given up
	UnderWay []Pushing `json:"under_way"` // one at most
}

// Pushing is a clip on its way to a target.
type Pushing struct {
	ID     string `json:"id"`
	Target string `json:"target"` // of a free URL its origin
	Sent   int64  `json:"sent"`   // bytes
	Size   int64  `json:"size"`
}

// Scan is how far a scan has come.
type Scan struct {
	Scanning bool `json:"scanning"`
	Pass     int  `json:"pass"`  // 1: walk, 2: probe, 3: hash
	Done     int  `json:"done"`  // files finished in this pass
	Total    int  `json:"total"` // files in this pass as far as known
}

// TLSStatus says how the box is reached over HTTPS.
type TLSStatus struct {
	URL        string   `json:"url"`
	Key        string   `json:"key"` // what clipctl pins; see api.KeyHash
	SelfSigned bool     `json:"self_signed"`
	Names      []string `json:"names"`
	NotAfter   Time     `json:"not_after"`
	Kernel     string   `json:"kernel"` // the suites for which the kernel encrypts, "" if it does not
}

// Disk is the file system of the recordings folder, in bytes.
type Disk struct {
	Total int64 `json:"total"`
	Used  int64 `json:"used"` // by everything on it
	Free  int64 `json:"free"` // for clipd
}
