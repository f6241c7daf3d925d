package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"restante/internal/route"
)

//go:embed docs.html
var docsTemplate string

//go:embed docs.css
var docsStyle string

// docsView is the data of the page.
type docsView struct {
	Style          template.CSS
	Title, Version string
	Description    []string // paragraphs
	Groups         []docsGroup
	Schemas        []docsSchema
}

type docsGroup struct {
	Name, Description string
	Operations        []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Description, Curl string
	Params                                       []docsField
	Body                                         *docsBody
	Answers                                      []docsAnswer
}

type docsField struct {
	Name, In, Type, Description, Example string
	Required                             bool
}

type docsBody struct {
	Types    []string
	Required bool
	Fields   []docsField
}

type docsAnswer struct{ Status, Description, Type, Schema string }

type docsSchema struct {
	Name   string
	Fields []docsField
}

// docsPage renders the document as one page that fetches nothing, and a content security policy that enforces it.
func docsPage(doc *huma.OpenAPI) (page []byte, csp string, err error) {
	t, err := template.New("docs").Funcs(template.FuncMap{"text": codeSpans}).Parse(docsTemplate)
	if err != nil {
		return nil, "", err
	}
	v := docsView{
		Style: template.CSS(docsStyle), //nolint:gosec // our own file
		Title: doc.Info.Title, Version: doc.Info.Version, Description: strings.Split(doc.Info.Description, "\n\n"),
	}
	for _, tag := range doc.Tags {
		v.Groups = append(v.Groups, docsGroup{tag.Name, tag.Description, docsOperations(doc, tag.Name)})
	}
	schemas := doc.Components.Schemas.Map()
	for _, name := range []string{"Message", "Receipt", "MessagePage", "Reset", "RoomPage", "RoomEntry", "Problem", "FieldError", "Checked"} {
		if s := schemas[name]; s != nil {
			v.Schemas = append(v.Schemas, docsSchema{name, docsFields(s)})
		}
	}
	var out bytes.Buffer
	if err := t.Execute(&out, v); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256([]byte(docsStyle))
	csp = "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	return out.Bytes(), csp, nil
}

func docsOperations(doc *huma.OpenAPI, tag string) (ops []docsOperation) {
	var paths []string
	for path := range doc.Paths {
		paths = append(paths, path)
	}
	slices.SortFunc(paths, strings.Compare)
	for _, path := range paths {
		item := doc.Paths[path]
		for _, op := range []*huma.Operation{item.Post, item.Get} {
			if op != nil && slices.Contains(op.Tags, tag) {
				ops = append(ops, docsOperationOf(doc, op))
			}
		}
	}
	return ops
}

func docsOperationOf(doc *huma.OpenAPI, op *huma.Operation) docsOperation {
	v := docsOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Description: op.Description}
	for _, p := range op.Parameters {
		f := docsFieldOf(p.Name, p.Schema)
		f.In, f.Required = p.In, p.Required
		if p.Description != "" {
			f.Description = p.Description
		}
		v.Params = append(v.Params, f)
	}
	if op.RequestBody != nil {
		v.Body = &docsBody{Required: op.RequestBody.Required, Fields: docsFields(resolve(doc, op.RequestBody.Content[jsonType].Schema))}
		for contentType := range op.RequestBody.Content {
			v.Body.Types = append(v.Body.Types, contentType)
		}
		slices.Sort(v.Body.Types)
	}
	for status, res := range op.Responses {
		answer := docsAnswer{Status: status, Description: res.Description}
		for contentType, media := range res.Content {
			answer.Type, answer.Schema = contentType, typeName(media.Schema)
		}
		v.Answers = append(v.Answers, answer)
	}
	slices.SortFunc(v.Answers, func(a, b docsAnswer) int { return strings.Compare(a.Status, b.Status) })
	v.Curl = curl(&v)
	return v
}

// curl returns a command that calls the operation.
func curl(op *docsOperation) string {
	url := "http://localhost:8080" + strings.ReplaceAll(op.Path, "{room}", "lobby")
	switch {
	case op.ID == route.StreamRoom.Name():
		return "curl -N '" + url + "?after=0'"
	case op.ID == route.GetMissedMessages.Name():
		return "curl '" + url + "?since=2026-01-01T00:00:00Z'"
	case op.ID == route.SendToRoom.Name():
		return "curl " + url + " --json '{\"msg\":\"hello\",\"client_id\":\"ann\"}'"
	case op.ID == route.PostMessage.Name():
		return "curl -X POST '" + url + "?msg=hello&client_id=ann'"
	}
	return "curl " + url
}

func docsFields(s *huma.Schema) (fields []docsField) {
	for name, prop := range s.Properties {
		f := docsFieldOf(name, prop)
		f.Required = slices.Contains(s.Required, name)
		fields = append(fields, f)
	}
	slices.SortFunc(fields, func(a, b docsField) int {
		if a.Required != b.Required {
			if a.Required {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return fields
}

func docsFieldOf(name string, s *huma.Schema) docsField {
	f := docsField{Name: name, Type: typeName(s), Description: s.Description}
	if len(s.Examples) > 0 {
		b, _ := json.Marshal(s.Examples[0]) // it came from a tag
		f.Example = strings.Trim(string(b), `"`)
	}
	return f
}

func resolve(doc *huma.OpenAPI, s *huma.Schema) *huma.Schema {
	if s.Ref != "" {
		return doc.Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}

func typeName(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case s.Type == huma.TypeArray:
		return "array of " + typeName(s.Items)
	case s.Minimum != nil && s.Maximum != nil:
		return fmt.Sprintf("%s, %g to %g", s.Type, *s.Minimum, *s.Maximum)
	case s.Format != "" && s.Type == huma.TypeString:
		return s.Format
	}
	return s.Type
}

// codeSpans writes text in which `code` stands between backquotes.
func codeSpans(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String()) //nolint:gosec // escaped above
}
