// The service's page: takes a scan, sends it to the service, and shows the answer. Nothing is stored or sent elsewhere.

import { by } from './dom.js'
import { dropped } from './files.js'
import { judge, Refusal } from './request.js'
import { show } from './result.js'
import { zip } from './zip.js'

let token = '' // kept in memory only
let last = null // what to send again with a token
let running = null

async function start(name, makeScan) {
  running?.abort()
  const mine = (running = new AbortController())
  last = { name, makeScan }
  begin()
  const since = Date.now()
  const clock = setInterval(() => (by('seconds').textContent = `${Math.round((Date.now() - since) / 1000)} s`), 1000)
  const asked = makeScan(mine.signal).then(scan => judge(scan, { token, signal: mine.signal, tell }))
  const then = await asked.then(view => () => show(view, name), error => () => explain(error, name))
  clearInterval(clock)
  if (mine === running) finish(then) // otherwise another scan has been chosen meanwhile
}

function begin() {
  by('result').hidden = by('token-form').hidden = true
  by('error').textContent = by('seconds').textContent = ''
  by('waiting').hidden = false
  tell({ text: 'Reading the scan.', share: null })
  by('state').scrollIntoView({ block: 'nearest' })
  by('cancel').focus({ preventScroll: true })
}

function tell({ text, share }) {
  if (by('status').textContent !== text) by('status').textContent = text
  if (share === null) by('progress').removeAttribute('value')
  else by('progress').value = share
}

function finish(then) {
  running = null
  by('waiting').hidden = true
  by('status').textContent = ''
  then()
}

function explain(error, name) {
  if (error.status === 401) return askForToken()
  by('files').focus({ preventScroll: true })
  if (error.name === 'AbortError') return tell({ text: 'Cancelled.', share: null })
  const words = error instanceof Refusal ? error.message : `An error occurred in the browser (${error.message}).`
  by('error').textContent = `${name}: ${words}`
  return by('state').scrollIntoView({ block: 'nearest' })
}

function askForToken() {
  by('error').textContent = token ? 'That token is wrong.' : ''
  by('token-form').hidden = false
  by('token').value = ''
  by('token').focus()
}

function take(files) {
  const wanted = files.filter(file => !file.name.startsWith('.'))
  if (!wanted.length) return
  if (wanted.length === 1) start(wanted[0].name, async () => wanted[0])
  else start(`${wanted.length} files`, signal => zip(wanted, signal))
}

async function fetchExample(name, signal) {
  const answer = await fetch(`page/examples/${name}`, { signal })
  if (!answer.ok) throw new Refusal('This example is missing.', answer.status)
  return answer.blob()
}

for (const id of ['files', 'folder']) {
  by(id).onchange = event => {
    take([...event.target.files])
    event.target.value = '' // so that the same file can be chosen again
  }
}
for (const button of document.querySelectorAll('#examples button')) {
  button.onclick = () => start(button.dataset.file, signal => fetchExample(button.dataset.file, signal))
}
by('cancel').onclick = () => running?.abort()
by('token-form').onsubmit = event => {
  event.preventDefault()
  token = by('token').value.trim()
  start(last.name, last.makeScan)
}
window.ondragover = event => {
  event.preventDefault()
  by('drop').classList.add('over')
}
window.ondragleave = event => {
  if (!event.relatedTarget) by('drop').classList.remove('over')
}
window.ondrop = async event => {
  event.preventDefault()
  by('drop').classList.remove('over')
  take(await dropped(event.dataTransfer))
}
