package web

// SignIn asks for a token.
type SignIn struct {
	Root    string
	Problem string // why the last try failed; "" on the first
}

// View writes the form.
func (v SignIn) View(h *HTML) {
	h.Put(`<section class="panel">
<h1>Sign in</h1>
`)
	if v.Problem != "" {
		h.Put(`<p class="notice" role="alert">{}</p>`+"\n", v.Problem)
	}
	h.Put(`<form method="post" action="{}" class="stack">
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" autocapitalize="none" spellcheck="false" required autofocus>
<button class="button main">Sign in</button>
</form>
<p class="dim">The first token is in the file <code>admin-token</code> in the box’s state folder. <code>clipd -add-token NAME=viewer</code> on the box makes another, with a link that signs in once.</p>
</section>
`, Ref(v.Root+"login"))
}

// Problem says what went wrong.
type Problem struct {
	Root          string
	Status        int
	Title, Detail string
}

// View writes it, and the way back.
func (v Problem) View(h *HTML) {
	h.Put(`<section class="panel">
<p class="code">{}</p>
<h1>{}</h1>
<p>{}</p>
<p><a class="button" href="{}">To the clips</a></p>
</section>
`, v.Status, v.Title, v.Detail, Ref(v.Root))
}
