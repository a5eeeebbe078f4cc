package httpd

import (
	"encoding/json"
	"errors"
	"maps"
	"math"
	"net"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"clipd/device/api"
	"clipd/device/httpd/web"
)

// settingsPage shows the settings, and with POST changes those of one form. Where the change moves the box, the answer
// says where to; else the browser is sent to the page as it then is, which waits until the settings are in force.
func (s *Server) settingsPage(w http.ResponseWriter, r *http.Request, as caller) error {
	told := s.cfg.Settings()
	if r.Method != http.MethodPost {
		view := settingsView(told, nil, nil)
		switch {
		case told.Pending: // which works without scripts
			w.Header().Set("Refresh", "2; url=./settings?saved")
		case r.URL.RawQuery == "saved" && told.Undone == "" && told.ConfirmWithin == nil:
			view.Done = "Saved, and in force."
		}
		s.adminPage(w, r, as, http.StatusOK, "Settings", view)
		return nil
	}
	if err := formOf(w, r); err != nil {
		return err
	}
	moved, err := s.applyForm(r, told, as)
	var p *api.Problem
	switch {
	case errors.As(err, &p):
		view := settingsView(told, r.PostForm, p)
		view.Problem = p.Title + ". " + p.Detail
		s.adminPage(w, r, as, p.Status, "Settings", view)
		return nil
	case err != nil:
		return err
	}
	w.Header().Set("Connection", "close") // the server that has it is about to end
	if undone := r.PostForm.Get("do") == "undo" && !s.cfg.Settings().Pending; moved != "" || undone {
		view := web.Settings{Moved: moved}
		if undone {
			view.Done = "Undone. Where that moves the box, open it at the address it had before."
		}
		s.adminPage(w, r, as, http.StatusOK, "Settings", view)
		return nil
	}
	w.Header().Set("Location", "./settings?saved")
	w.WriteHeader(http.StatusSeeOther)
	return nil
}

// applyForm does what a form asks for and returns the box's new address, if that changes.
func (s *Server) applyForm(r *http.Request, told api.Settings, as caller) (moved string, err error) {
	switch r.PostForm.Get("do") {
	case "keep", "undo":
		keep := r.PostForm.Get("do") == "keep"
		if err := s.cfg.ConfirmSettings(keep); err != nil {
			return "", err
		}
		s.cfg.Log.Info("settings confirmed or undone", "kept", keep, "by", as.token.Name)
		return "", nil
	case "save", "remove":
	default:
		return "", errUnknownButton
	}
	changes, err := changesOf(r.PostForm, told.Config)
	if err != nil || len(changes) == 0 {
		return "", err
	}
	patch, err := json.Marshal(changes)
	if err != nil {
		return "", err
	}
	if err := s.changeSettings(patch, as); err != nil {
		return "", err
	}
	return movedTo(r, changes), nil
}

// movedTo is where the page is once changes are in force, "" if it is where it was.
func movedTo(r *http.Request, changes map[string]any) string {
	key, scheme := "listen", "http://"
	if r.TLS != nil {
		key, scheme = "listen_tls", "https://"
	}
	listen, _ := lookup(changes, "http."+key).(string)
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return ""
	}
	if host == "" || host == "0.0.0.0" || host == "::" {
		host = hostOnly(r.Host)
	}
	return scheme + net.JoinHostPort(host, port) + "/settings"
}

// settingsView shows told. Where a form was refused, typed has what it says and p what is wrong with it.
func settingsView(told api.Settings, typed url.Values, p *api.Problem) web.Settings {
	v := web.Settings{Undone: told.Undone, Pending: told.Pending}
	if told.Pending {
		return v // as below
	}
	if told.ConfirmWithin != nil {
		v.Confirm = &web.Confirm{Seconds: int(math.Ceil(*told.ConfirmWithin))}
		return v // others cannot be saved now
	}
	wrong := map[string]string{}
	if p != nil {
		for _, e := range p.Errors {
			wrong[e.Key] = e.Detail
		}
	}
	for _, part := range partsFor(told.Config) {
		mine := typed
		if typed.Get("section") != part.id {
			mine = nil
		}
		v.Sections = append(v.Sections, sectionOf(part, told, mine, wrong))
	}
	return v
}

func sectionOf(p part, told api.Settings, typed url.Values, wrong map[string]string) web.Section {
	section := web.Section{ID: p.id, Title: p.title, Hint: p.hint, Folded: p.id == targetPart}
	section.Removable = strings.HasPrefix(p.id, targetPart) && !section.Folded
	for _, f := range p.settings {
		field := web.Field{
			Key: f.key, Label: f.label, Hint: f.hint, Kind: f.kind, Placeholder: f.placeholder, Choices: f.choices,
			Value: shown(lookup(told.Config, f.key)), Source: sourceOf(told.Sources[f.key]), Locked: strings.HasPrefix(told.Sources[f.key], "-"),
		}
		if f.kind == web.Secret {
			field.Source, field.Placeholder = "", "none"
			if shown(lookup(told.Config, f.secretOf)) != "" {
				field.Source, field.Placeholder = sourceOf(told.Sources[f.secretOf]), "unchanged"
			}
		}
		if typed.Has(f.key) && f.kind != web.Secret {
			field.Value = typed.Get(f.key)
		}
		if typed != nil {
			field.Problem, section.Folded = wrong[f.key], false
		}
		section.Fields = append(section.Fields, field)
	}
	if p.rows != nil {
		section.Rows = rowsOf(*p.rows, told, typed, wrong)
	}
	return section
}

func rowsOf(rows web.Rows, told api.Settings, typed url.Values, wrong map[string]string) *web.Rows {
	rows.Source = sourceOf(told.Sources[rows.Key])
	if typed != nil {
		rows.Lines = typedRows(typed, rows)
		for key, text := range wrong {
			if key == rows.Key || strings.HasPrefix(key, rows.Key+".") {
				rows.Problem = text
			}
		}
		return &rows
	}
	for _, table := range tables(lookup(told.Config, rows.Key)) {
		line := make([]string, len(rows.Columns))
		for i, c := range rows.Columns {
			line[i] = shown(table[c.Key])
		}
		rows.Lines = append(rows.Lines, line)
	}
	return &rows
}

// sourceOf says where a value comes from.
func sourceOf(source string) string {
	file, line, hasLine := strings.Cut(path.Base(source), ":")
	switch {
	case source == "":
		return "default"
	case strings.HasPrefix(source, "-"):
		return "fixed by " + source
	case file == "settings.toml" || source == "dashboard": // package wish has the latter
		return "saved here"
	case hasLine:
		return file + ", line " + line
	}
	return file
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }
