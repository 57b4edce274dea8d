// Short helpers used by all parts of the page.

/** Return the page's element with an id. */
export const by = id => document.getElementById(id)

/** Return a new element with a text. */
export function element(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}
