package announce

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"clipd/device/api"
)

// schemas checks messages against asyncapi.yaml.
type schemas struct {
	t        *testing.T
	document map[string]any
	compiler *jsonschema.Compiler
}

func newSchemas(t *testing.T) *schemas {
	t.Helper()
	var y any
	if err := yaml.Unmarshal(api.AsyncAPI, &y); err != nil {
		t.Fatal(err)
	}
	j, err := json.Marshal(y)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(j)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft7)
	c.AssertFormat()
	if err := c.AddResource("asyncapi.json", doc); err != nil {
		t.Fatal(err)
	}
	return &schemas{t, doc.(map[string]any), c}
}

var parameter = regexp.MustCompile(`\\\{(\w+)\\\}`)

// payload finds the one channel whose address g's topic has, and returns where its payload's schema is.
func (s *schemas) payload(topic string) string {
	s.t.Helper()
	for _, c := range s.document["channels"].(map[string]any) {
		channel := c.(map[string]any)
		address := regexp.QuoteMeta(channel["address"].(string))
		if !regexp.MustCompile("^" + parameter.ReplaceAllString(address, "[^/]+") + "$").MatchString(topic) {
			continue
		}
		for _, m := range channel["messages"].(map[string]any) {
			ref := m.(map[string]any)["$ref"].(string)
			name := ref[strings.LastIndex(ref, "/")+1:]
			return "asyncapi.json#/components/messages/" + name + "/payload"
		}
	}
	s.t.Fatalf("no channel has the topic %s", topic)
	return ""
}

// check reports a message that does not fit. An empty retained one clears its topic and has no schema.
func (s *schemas) check(g got) {
	s.t.Helper()
	if g.payload == "" {
		return
	}
	schema, err := s.compiler.Compile(s.payload(g.topic))
	if err != nil {
		s.t.Fatal(err)
	}
	var v any = g.payload
	if strings.ContainsAny(g.payload[:1], "{[") {
		if v, err = jsonschema.UnmarshalJSON(strings.NewReader(g.payload)); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := schema.Validate(v); err != nil {
		s.t.Errorf("%v does not fit its schema: %v", g, err)
	}
}

func TestEverySchemaOfTheDocumentCompiles(t *testing.T) {
	s := newSchemas(t)
	all := s.document["components"].(map[string]any)["schemas"].(map[string]any)
	for name := range all {
		if _, err := s.compiler.Compile("asyncapi.json#/components/schemas/" + name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(all) < 10 {
		t.Errorf("only %d schemas", len(all))
	}
}
