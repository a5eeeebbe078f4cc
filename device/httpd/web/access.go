package web

// Tokens is who may use the box.
type Tokens struct {
	Problem string // why the last change was refused
	Done    string // what the last change did
	Tokens  []Token
	New     *NewToken   // one just made
	Link    *SignedLink // one just made
	Name    string      // what was typed into the form
}

// Token is a token without its secret.
type Token struct {
	Name, Role, Created string
	Mine, Last          bool // of who looks; the last admin's, which stays
}

// NewToken is shown once.
type NewToken struct{ Name, Role, Secret string }

// View writes the list and the forms to change it.
func (v Tokens) View(h *HTML) {
	h.Put(`<div class="admin">
<h1>Tokens</h1>
<p class="lead">A token lets a person or a program in. Give each its own, so that one can be revoked without the others. A viewer watches and downloads, an operator also deletes, pins and pushes, an admin also changes settings.</p>
`)
	say(h, v.Problem, v.Done)
	if v.New != nil {
		v.New.view(h)
	}
	if v.Link != nil {
		v.Link.View(h)
	}
	v.list(h)
	v.add(h)
	h.Put(`<section class="box"><h2>Shared links</h2>
<details><summary>Void all shared links …</summary>
<p>Every link to a clip that was ever shared or sent in a message stops working, also those in notifications. New ones are made at once. Tokens and signed-in browsers stay.</p>
<form method="post"><button class="button bad" name="do" value="void" data-sure="Really void all links?">Void all shared links</button></form>
</details></section>
</div>
`)
}

func (t *NewToken) view(h *HTML) {
	h.Put(`<section class="box handover" aria-labelledby="made">
<h2 id="made">Token <bdi>{}</bdi>, {}</h2>
<p>Copy it now: it is not shown again.</p>
<p><code data-copy>{}</code></p>
</section>
`, t.Name, t.Role, t.Secret)
}

func (v Tokens) list(h *HTML) {
	h.Put(`<div class="wide" tabindex="0" role="region" aria-label="Tokens"><table class="table">
<thead><tr><th scope="col">Name</th><th scope="col">Role</th><th scope="col">Made</th><th scope="col"><span class="unseen">Actions</span></th></tr></thead>
<tbody>
`)
	for _, t := range v.Tokens {
		h.Put(`<tr><th scope="row"><bdi>{}</bdi>{}</th><td>{}</td><td>{}</td><td><form method="post" class="row">
<input type="hidden" name="name" value="{}">
<button class="button small" name="do" value="link" aria-label="Sign in a device as {}">Sign in a device</button>
`, t.Name, when(t.Mine, ` <span class="badge">you</span>`), t.Role, t.Created, t.Name, t.Name)
		if !t.Last {
			h.Put(`<button class="button small bad" name="do" value="revoke" aria-label="Revoke {}" data-sure="Really revoke {}?">Revoke</button>`+"\n", t.Name, t.Name)
		}
		h.Put("</form></td></tr>\n")
	}
	h.Put("</tbody></table></div>\n")
}

func (v Tokens) add(h *HTML) {
	h.Put(`<section class="box"><h2>New token</h2>
<form method="post" class="row fields">
<label>Name <input name="name" value="{}" required maxlength="64" autocomplete="off" placeholder="NAS, or Kim’s phone"></label>
<label>Role <select name="role"><option value="viewer">viewer</option><option value="operator">operator</option><option value="admin">admin</option></select></label>
<button class="button main" name="do" value="add">Make it</button>
</form></section>
`, v.Name)
}

// say writes what went wrong or was done.
func say(h *HTML, problem, done string) {
	if problem != "" {
		h.Put(`<p class="notice" role="alert">{}</p>`+"\n", problem)
	}
	if done != "" {
		h.Put(`<p class="notice done" role="status">{}</p>`+"\n", done)
	}
}
