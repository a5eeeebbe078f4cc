// Short words for the document. Text only ever becomes text: nothing here or elsewhere parses markup from data.

export const $ = (selector, within = document) => within.querySelector(selector)
export const $$ = (selector, within = document) => [...within.querySelectorAll(selector)]

// make returns an element with properties ("text", "class", on… listeners, data-… and other attributes) and children.
export function make(name, props = {}, ...children) {
  const e = document.createElement(name)
  for (const [key, value] of Object.entries(props)) {
    if (key === 'text') e.textContent = value
    else if (key.startsWith('on')) e.addEventListener(key.slice(2), value)
    else if (value !== false && value != null) e.setAttribute(key, value === true ? '' : value)
  }
  e.append(...children)
  return e
}

// root is the page at / relative to this page; every address the modules use begins with it.
export const root = document.body.dataset.root
export const role = document.body.dataset.role
export const mayOperate = role === 'operator' || role === 'admin'

// plain is a name as the box writes it on its pages: without controls, and without the marks that turn the direction of
// what follows, so that no name can pose as another.
export const plain = name => name.replace(/[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')
