// Package wish is what the box asks of the system around it, and what it is told of that: the recorder's settings and the
// Wi-Fi, which only root may change. clipd, which is nobody, writes a Wish into its state folder; clipd-boot, which is
// root, takes it (systemd/clipd-apply.path), checks it again, does it, and leaves an Answer there. This package is the
// form of both, and the one check of what people may set: pure, texts in and texts out, it touches no file.
//
// # A trial
//
// Another Wi-Fi may cut the box off. clipd-boot keeps what was before, joins the new network, and answers Trial with the
// time at which it goes back by itself. Until a Wish with the same id and a Verdict comes, whatever ends the trial undoes
// it: the time, an end of clipd-boot, a power cut. clipd takes no part in that and may end and start meanwhile.
package wish

// Marker exists where the system is ours to change: in the image.
const Marker = "/usr/lib/clipd/image"

// Names in the state folder. Both files are the box's own, with mode 0600.
const (
	File       = "wish.json"        // of clipd, for clipd-boot, which removes it
	AnswerFile = "wish-answer.json" // of clipd-boot, for clipd
)

// MaxFile is more than any wish has, in bytes.
const MaxFile = 64 << 10

// Verdicts on a trial.
const (
	Keep = "keep"
	Undo = "undo"
)

// Wish is the content of File: a Verdict, or what to change.
type Wish struct {
	ID       string             `json:"id"` // new for each; a verdict has that of the trial
	Verdict  string             `json:"verdict,omitempty"`
	Recorder map[string]*string `json:"recorder,omitempty"` // key -> value; nil goes back to the default
	Wifi     *Wifi              `json:"wifi,omitempty"`
}

// Wifi is the network to join.
type Wifi struct {
	SSID     string  `json:"ssid"`     // "": none
	Password *string `json:"password"` // nil: the one the box has; "": the network is open
	Country  string  `json:"country"`  // two capital letters; "" leaves it
}

// States of a wish.
const (
	Done    = "done"
	OnTrial = "trial"
	Undone  = "undone"
	Refused = "refused"
)

// Answer is the content of AnswerFile.
type Answer struct {
	ID      string  `json:"id,omitempty"`      // of the wish; "" before the first
	State   string  `json:"state,omitempty"`   // one of the above
	Until   float64 `json:"until,omitempty"`   // of a trial: the second of CLOCK_BOOTTIME at which it is undone
	Problem string  `json:"problem,omitempty"` // why it was undone or refused, for people
	Wifi    Network `json:"wifi"`
}

// Network is the Wi-Fi that the box is set to, without its password.
type Network struct {
	SSID    string `json:"ssid"` // "": none
	Country string `json:"country"`
	From    string `json:"from"` // Dashboard, BootPartition or NetworkManager; "" without a network
}

// Where a network's settings came from.
const (
	Dashboard      = "dashboard"
	BootPartition  = "boot partition"
	NetworkManager = "NetworkManager"
)

// Wrong is what is wrong with one key of a wish, such as recorder.width.
type Wrong struct{ Key, Text string }

func (w Wrong) Error() string { return w.Key + ": " + w.Text }

// Check says everything that is wrong with w, as Wrong errors joined.
func (w Wish) Check() error { return join(w.checkRecorder(), w.Wifi.check()) }
