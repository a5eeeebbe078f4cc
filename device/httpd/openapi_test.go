package httpd

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"clipd/device/api"
)

// document is openapi.yaml as the tests read it: an object that does not say otherwise has no members but its own.
type document struct {
	root     map[string]any
	compiler *jsonschema.Compiler
	mu       sync.Mutex
	compiled map[string]*jsonschema.Schema
}

var described = sync.OnceValue(func() *document {
	d := &document{compiled: map[string]*jsonschema.Schema{}, compiler: jsonschema.NewCompiler()}
	if err := yaml.Unmarshal(api.OpenAPI, &d.root); err != nil {
		panic(err)
	}
	closeObjects(d.root)
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("openapi.json", d.root); err != nil {
		panic(err)
	}
	return d
})

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, said := v["additionalProperties"]; v["type"] == "object" && v["properties"] != nil && !said {
			v["additionalProperties"] = false
		}
		for _, child := range v {
			closeObjects(child)
		}
	case []any:
		for _, child := range v {
			closeObjects(child)
		}
	}
}

// at follows keys from the root of the document, and references.
func (d *document) at(keys ...string) (map[string]any, string) {
	v, where := d.root, "#"
	for _, key := range keys {
		child, ok := v[key].(map[string]any)
		if !ok {
			return nil, ""
		}
		v, where = child, where+"/"+strings.NewReplacer("~", "~0", "/", "~1", "%", "%25", "{", "%7B", "}", "%7D").Replace(key)
		if ref, ok := v["$ref"].(string); ok {
			v, where = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return v, where
}

// path finds the template in the document that r's path fits.
func (d *document) path(p string) string {
	paths, _ := d.at("paths")
	got := strings.Split(p, "/")
	for template := range paths {
		if fits(strings.Split(template, "/"), got) {
			return template
		}
	}
	return ""
}

func fits(template, got []string) bool {
	if len(template) != len(got) {
		return false
	}
	for i, part := range template {
		if part != got[i] && !strings.HasPrefix(part, "{") {
			return false
		}
	}
	return true
}

func (d *document) schema(where string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.compiled[where]; s != nil {
		return s, nil
	}
	s, err := d.compiler.Compile("openapi.json" + where)
	d.compiled[where] = s
	return s, err
}

// conforms checks an answer against what openapi.yaml says about it.
func conforms(t testing.TB, r *http.Request, resp *http.Response, body []byte) {
	t.Helper()
	d := described()
	template := d.path(r.URL.EscapedPath())
	if template == "" {
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode/100 != 3 {
			t.Errorf("%s %s: %d from an address that openapi.yaml does not describe", r.Method, r.URL, resp.StatusCode)
		}
		return
	}
	if resp.StatusCode == http.StatusMethodNotAllowed {
		return
	}
	method := strings.ToLower(strings.Replace(r.Method, "HEAD", "GET", 1))
	said, where := d.at("paths", template, method, "responses", itoa(int64(resp.StatusCode)))
	if said == nil {
		said, where = d.at("paths", template, method, "responses", "default")
	}
	if said == nil {
		t.Errorf("%s %s: openapi.yaml does not know the answer %d", r.Method, template, resp.StatusCode)
		return
	}
	headersConform(t, said, resp)
	bodyConforms(t, d, said, where, resp, body)
}

func headersConform(t testing.TB, said map[string]any, resp *http.Response) {
	t.Helper()
	headers, _ := said["headers"].(map[string]any)
	for name, v := range headers {
		if v.(map[string]any)["required"] == true && resp.Header.Get(name) == "" {
			t.Errorf("%s %s: no %s header, which openapi.yaml promises", resp.Request.Method, resp.Request.URL, name)
		}
	}
}

func bodyConforms(t testing.TB, d *document, said map[string]any, where string, resp *http.Response, body []byte) {
	t.Helper()
	contents, _ := said["content"].(map[string]any)
	mediaType, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";")
	if contents == nil || contents["*/*"] != nil {
		return
	}
	if contents[mediaType] == nil {
		t.Errorf("%s %s: openapi.yaml does not know the media type %q", resp.Request.Method, resp.Request.URL, mediaType)
		return
	}
	if len(body) == 0 || !strings.HasSuffix(mediaType, "json") {
		return
	}
	s, err := d.schema(where + "/content/" + strings.ReplaceAll(mediaType, "/", "~1") + "/schema")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("%s %s: %v\n%s", resp.Request.Method, resp.Request.URL, err, body)
	}
	if bytes.Count(body, []byte("\n")) != 1 {
		t.Errorf("%s %s: the JSON is not on one line", resp.Request.Method, resp.Request.URL)
	}
}

func TestEveryRouteIsDescribedAndEveryDescriptionIsARoute(t *testing.T) {
	b := newBox(t)
	have := map[string]bool{}
	for _, rt := range b.server.list() {
		path := strings.Replace(rt.path, "{$}", "", 1)
		if path == "/posters/{id}" {
			path = "/posters/{id}.jpg"
		}
		have[strings.ToLower(rt.method)+" "+path] = true
	}
	paths, _ := described().at("paths")
	for path, item := range paths {
		for method := range item.(map[string]any) {
			if key := method + " " + path; method != "parameters" && !have[key] {
				t.Errorf("openapi.yaml describes %s, which is no route", key)
			}
			delete(have, method+" "+path)
		}
	}
	for key := range have {
		t.Errorf("openapi.yaml does not describe %s", key)
	}
}

// A description that let everything pass would prove nothing.
func TestTheDescriptionRefusesWhatItDoesNotSay(t *testing.T) {
	s, err := described().schema("#/components/schemas/Clip")
	if err != nil {
		t.Fatal(err)
	}
	good := `{"id":"0123456789abcdef","camera":"a","path":"a/b","size":1,"complete":true,"start":null,"duration":1,"pinned":false,"pushed":false,"url":"http://x/clips/a","url_path":"/clips/a"}`
	for change, valid := range map[[2]string]bool{
		{"", ""}:                           true,
		{`"size":1`, `"size":"1"`}:         false,
		{`"id":"0`, `"id":"Z`}:             false,
		{`"pinned":false,`, ``}:            false,
		{`"size":1`, `"size":1,"extra":1`}: false,
	} {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(strings.Replace(good, change[0], change[1], 1)))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(v); (err == nil) != valid {
			t.Errorf("%q for %q: got %v", change[1], change[0], err)
		}
	}
}
