// Shows an answer: text, slices with layers that can be switched on and off, files to download.

import { by, element } from './dom.js'

const LAYERS = ['outline', 'heatmap']
const urls = []

/** Show the service's answer for a scan. */
export function show(view, name) {
  by('name').textContent = name
  by('label').textContent = view.answer
  by('bar').innerHTML = view.bar // SVG drawn by the service
  by('words').replaceChildren(...view.words.map(words => element('p', words)))
  by('infection').hidden = !view.infection.length
  by('infection-words').replaceChildren(...view.infection.map(words => element('p', words)))
  by('facts').replaceChildren(...view.facts.map(words => element('p', words)))
  by('warnings').replaceChildren(...warnings(view.warnings))
  showSlices(view)
  by('downloads').replaceChildren(...downloads(view.files, name))
  by('result').hidden = false
  by('label').focus({ preventScroll: true })
  by('result').scrollIntoView()
}

function warnings(found) {
  const none = [{ words: 'No warnings.' }]
  return (found.length ? found : none).map(({ words }) => element('li', words))
}

function showSlices(view) {
  const slider = by('slice')
  by('pick').hidden = view.slices.length === 1
  by('chart').innerHTML = view.chart
  by('legend').textContent = LAYERS.map(layer => view.legend[layer]).join(' ').trim()
  slider.max = view.slices.length - 1
  slider.value = view.first
  slider.oninput = () => turnTo(view, slider)
  by('chart').onclick = event => {
    slider.value = nearest(view, shareOf(event))
    turnTo(view, slider)
  }
  for (const layer of LAYERS) {
    const toggle = by(`show-${layer}`)
    const apply = () => (by(layer).hidden = !view.legend[layer] || !toggle.checked)
    toggle.onchange = apply
    by(`show-${layer}-name`).textContent = view.layers[layer]
    by(`show-${layer}-label`).hidden = !view.legend[layer]
    apply()
  }
  turnTo(view, slider)
}

function turnTo(view, slider) {
  const slice = view.slices[slider.value]
  by('plain').alt = slice.words
  for (const layer of ['plain', ...LAYERS]) {
    if (slice[layer]) by(layer).src = slice[layer]
  }
  by('place').textContent = slice.words
  slider.setAttribute('aria-valuetext', slice.words)
  mark(slice.index)
}

/** Highlight a slice on the chart. */
function mark(index) {
  const chart = by('chart').querySelector('svg')
  if (!chart) return
  chart.querySelector('.now')?.remove()
  const frame = document.createElementNS('http://www.w3.org/2000/svg', 'path')
  frame.setAttribute('class', 'now')
  frame.setAttribute('d', `M${index} 0h1v100h-1z`)
  chart.append(frame)
}

/** Return the position of a click along the chart, 0 to 1. */
function shareOf(event) {
  const { left, width } = by('chart').getBoundingClientRect()
  return (event.clientX - left) / width
}

/** Return the shown slice closest to a position along the chart, 0 to 1. */
function nearest(view, share) {
  const wanted = share * view.prediction.slice_probabilities.length - 0.5
  const distances = view.slices.map(({ index }) => Math.abs(index - wanted))
  return distances.indexOf(Math.min(...distances))
}

function downloads(files, name) {
  urls.splice(0).forEach(url => URL.revokeObjectURL(url))
  const stem = name.replace(/\.(nii\.gz|[^.]*)$/i, '') || 'scan'
  return files.map(file => {
    const content = Uint8Array.from(atob(file.content), letter => letter.charCodeAt(0))
    const link = element('a', file.words)
    link.className = 'button'
    link.href = URL.createObjectURL(new Blob([content], { type: file.type }))
    link.download = `${stem}-${file.name}`
    urls.push(link.href)
    return link
  })
}
