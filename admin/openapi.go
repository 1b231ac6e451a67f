package admin

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// object is a JSON object of the document.
type object = map[string]any

// openAPI describes the table: every row with a summary, with all statuses that it may answer.
func (s *Server) openAPI() ([]byte, error) {
	schemas := newSchemas()
	paths := object{}
	for i := range s.table {
		row := &s.table[i]
		if row.summary == "" {
			continue
		}
		at, ok := paths[row.path].(object)
		if !ok {
			at = object{}
			paths[row.path] = at
		}
		at[strings.ToLower(row.method)] = s.operation(row, schemas)
	}
	return json.MarshalIndent(object{
		"openapi": "3.1.0",
		"info": object{
			"title":   "phiproxy admin API",
			"version": s.options.Build.Version,
			"summary": "Keys, audit, sessions and state of phiproxy",
			"description": "Times of /admin/encryption/key-status and audit-log are UTC without a zone, as the guide has them; all others are RFC 3339. " +
				"Every answer but success has a body {\"detail\": ...}.",
		},
		"servers":    []object{{"url": "/"}},
		"paths":      paths,
		"components": object{"schemas": schemas.components, "responses": failures(schemas), "securitySchemes": securitySchemes},
	}, "", "  ")
}

var securitySchemes = object{
	"token":       object{"type": "http", "scheme": "bearer", "description": "A token of admin.tokens; 'phiproxy token new' makes one."},
	"certificate": object{"type": "mutualTLS", "description": "A client certificate of admin.certificates."},
}

var pathParam = regexp.MustCompile(`\{(\w+)\}`)

func (s *Server) operation(row *route, schemas *schemas) object {
	o := object{
		"operationId": strings.Trim(regexp.MustCompile(`\W+`).ReplaceAllString(strings.ToLower(row.method)+row.path, "_"), "_"),
		"summary":     row.summary,
		"responses":   row.responses(schemas),
		"security":    []object{{"token": []string{}}, {"certificate": []string{}}},
		"x-role":      row.role.String(),
	}
	if row.role == open {
		o["security"] = []object{{}, {"token": []string{}}}
	}
	parameters := []object{}
	for _, m := range pathParam.FindAllStringSubmatch(row.path, -1) {
		parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for i := range row.params {
		parameters = append(parameters, row.params[i].describe())
	}
	if len(parameters) > 0 {
		o["parameters"] = parameters
	}
	return o
}

func (p *param) describe() object {
	schema := object{"type": "string"}
	switch p.kind {
	case number:
		schema = object{"type": "integer", "minimum": p.min, "maximum": p.max, "default": p.fallback}
	case moment:
		schema["format"] = "date-time"
	case choice:
		schema["enum"] = p.choices
	}
	return object{"name": p.name, "in": "query", "required": p.need && !p.acting, "description": p.doc, "schema": schema}
}

// statuses are those that the row answers besides success, ascending.
func (row *route) statuses() []int {
	list := []int{http.StatusUnauthorized, http.StatusMisdirectedRequest, http.StatusTooManyRequests}
	if row.role == administrator || slices.ContainsFunc(row.params, func(p param) bool { return p.acting }) {
		list = append(list, http.StatusForbidden)
	}
	if row.method == http.MethodPost {
		list = append(list, http.StatusForbidden, http.StatusRequestEntityTooLarge)
	}
	if row.call != nil {
		list = append(list, http.StatusBadRequest)
	}
	if len(row.params) > 0 {
		list = append(list, http.StatusUnprocessableEntity)
	}
	list = append(list, row.errors...)
	slices.Sort(list)
	return slices.Compact(list)
}

func (row *route) responses(schemas *schemas) object {
	answers := make([]object, len(row.answers))
	for i, a := range row.answers {
		answers[i] = schemas.of(a)
	}
	success := answers[0]
	if len(answers) > 1 {
		success = object{"oneOf": answers}
	}
	media := "application/json"
	if row.media != "" {
		media = row.media
	}
	all := object{strconv.Itoa(row.success()): response(http.StatusText(row.success()), media, success)}
	for _, status := range row.statuses() {
		all[strconv.Itoa(status)] = object{"$ref": "#/components/responses/" + strconv.Itoa(status)}
	}
	if row.failed != nil {
		all[strconv.Itoa(http.StatusServiceUnavailable)] = response(statusMeanings[http.StatusServiceUnavailable], media, schemas.of(row.failed))
	}
	return all
}

// failures are the answers that rows have in common.
func failures(schemas *schemas) object {
	all := object{}
	for status, meaning := range statusMeanings {
		schema := schemas.of(failureOf[message]{})
		if status == http.StatusUnprocessableEntity {
			schema = schemas.of(failureOf[[]invalid]{})
		}
		all[strconv.Itoa(status)] = response(meaning, "application/json", schema)
	}
	return all
}

func response(description, media string, schema object) object {
	return object{"description": description, "content": object{media: object{"schema": schema}}}
}

// failureOf is failure with its detail's type, for schemas.
type failureOf[T any] struct {
	Detail T `json:"detail"`
}

var statusMeanings = map[int]string{
	http.StatusBadRequest:            "A parameter is blank or the query string is malformed.",
	http.StatusUnauthorized:          "No token or certificate, or one that is not valid.",
	http.StatusForbidden:             "The role or the rights of admin_user_id do not suffice, or the request comes from another origin.",
	http.StatusNotFound:              "What is asked for does not exist.",
	http.StatusConflict:              "The state does not allow it now.",
	http.StatusRequestEntityTooLarge: "The body is too long.",
	http.StatusMisdirectedRequest:    "The request is for a host name that is not in admin.hosts.",
	http.StatusUnprocessableEntity:   "A parameter is missing or has a wrong value.",
	http.StatusTooManyRequests:       "Too many failed authentications; Retry-After says when to try again.",
	http.StatusInternalServerError:   "It failed; the text names the kind of failure.",
	http.StatusServiceUnavailable:    "It cannot be had now.",
}

// schemas collects the named schemas of a document.
type schemas struct {
	components object
}

func newSchemas() *schemas { return &schemas{components: object{}} }
