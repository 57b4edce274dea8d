// Short names for what every part of the page does.

/** Return the page's element of an id. */
export const by = id => document.getElementById(id)

/** Return a new element that holds text. */
export function element(name, text) {
  const made = document.createElement(name)
  made.textContent = text
  return made
}
