package api

// Retention is the body of /api/v1/retention.
type Retention struct {
	Rules    RetentionRules `json:"rules"`
	DaysLeft *float64       `json:"days_left"` // until the file system is full; null where a rule prevents it or it is not known
	FullAt   Time           `json:"full_at"`
	Next     []Expiry       `json:"next"` // what goes next, soonest first
	Asks     *RetentionAsk  `json:"asks"`
	Held     []Held         `json:"held"` // of the oldest clips, those that somebody waits for
	Last     *RetentionLast `json:"last"`
	Off      string         `json:"off"` // why nothing is deleted; "" if that is not so
}

// RetentionRules are the rules in force: seconds and bytes, 0 where there is none.
type RetentionRules struct {
	Age            float64          `json:"age"`
	Size           int64            `json:"size"`
	Free           int64            `json:"free"`
	Partial        float64          `json:"partial"`
	Classes        []RetentionClass `json:"classes"`
	Undelivered    []string         `json:"undelivered"`
	ForgetConsumer float64          `json:"forget_consumer"`
	LastResort     bool             `json:"last_resort"`
}

// RetentionClass is a class and what it has.
type RetentionClass struct {
	Name   string  `json:"name"`
	Camera string  `json:"camera,omitempty"`
	Age    float64 `json:"age"`
	Size   int64   `json:"size"`
	Clips  int     `json:"clips"`
	Bytes  int64   `json:"bytes"`
}

// Expiry is a clip that will go, why and when, as things go on.
type Expiry struct {
	ID     string `json:"id"`
	Camera string `json:"camera"`
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	Start  Time   `json:"start"`
	Reason string `json:"reason"`
	At     Time   `json:"at"`
}

// RetentionAsk is a deletion that a person must confirm, with its token.
type RetentionAsk struct {
	Clips  int    `json:"clips"`
	Bytes  int64  `json:"bytes"`
	Reason string `json:"reason"` // "age", "clock" or "setting"
	Text   string `json:"text"`
	Token  string `json:"token"`
}

// Held is how many of the oldest clips somebody waits for.
type Held struct {
	By    string `json:"by"`
	Clips int    `json:"clips"`
	Bytes int64  `json:"bytes"`
}

// RetentionLast is what was deleted last.
type RetentionLast struct {
	Time  Time  `json:"time"`
	Clips int   `json:"clips"`
	Bytes int64 `json:"bytes"`
}
