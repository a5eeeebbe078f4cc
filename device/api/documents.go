package api

import _ "embed"

// The two documents that describe what travels, as they stand in the repository: HTTP and MQTT.
var (
	//go:embed openapi.yaml
	OpenAPI []byte
	//go:embed asyncapi.yaml
	AsyncAPI []byte
)
