// Sends a scan and returns the answer; waits and retries while the service is busy or starting.

const VIEW = 'application/vnd.lungct.view+json'
const BUSY = [429, 503]
const MOST_TRIES = 20
const LONGEST_WAIT = 30
const SILENT = 'The service does not answer.'

/** The service refused a request: says what is wrong and what to do about it. */
export class Refusal extends Error {
  constructor(message, status) {
    super(message)
    this.status = status
  }
}

/**
 * Get the prediction for a scan.
 * @param {Blob} scan
 * @param {{token: string, signal: AbortSignal, tell: function({text: string, share: ?number}): void}} options
 * @returns {Promise<object>} what the service's view_of returns
 */
export async function judge(scan, { token, signal, tell }) {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted()
    const { status, text, retryAfter } = await send(scan, token, signal, tell)
    if (status === 200) return JSON.parse(text)
    if (!BUSY.includes(status) || attempt === MOST_TRIES) throw refusal(status, text)
    const seconds = Math.min(Number(retryAfter) || 1, LONGEST_WAIT)
    const why = status === 429 ? 'The service is busy.' : 'The service is starting.'
    tell({ text: `${why} Trying again in ${seconds} s.`, share: null })
    await pause(seconds, signal)
  }
}

function send(scan, token, signal, tell) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest() // fetch doesn't report upload progress
    const stop = () => request.abort()
    const form = new FormData()
    form.append('file', scan, 'upload') // file names may identify the patient
    request.open('POST', 'v1/predict')
    request.setRequestHeader('Accept', VIEW)
    if (token) request.setRequestHeader('Authorization', `Bearer ${token}`)
    request.upload.onprogress = ({ loaded, total }) => tell({ text: 'Sending the scan.', share: loaded / total })
    request.upload.onload = () => tell({ text: 'The scan has arrived. Waiting for the answer.', share: null })
    request.onload = () => {
      const retryAfter = request.getResponseHeader('Retry-After')
      resolve({ status: request.status, text: request.responseText, retryAfter })
    }
    request.onerror = () => reject(new Refusal(`${SILENT} It may have stopped, or the file may be far too large.`))
    request.onabort = () => reject(signal.reason)
    request.onloadend = () => signal.removeEventListener('abort', stop)
    signal.addEventListener('abort', stop)
    request.send(form)
  })
}

function refusal(status, text) {
  try {
    const { message } = JSON.parse(text).error
    return new Refusal(sentence(message), status)
  } catch {
    return new Refusal(`The service, or a proxy in front of it, answered ${status}.`, status)
  }
}

function sentence(message) {
  const words = message.replace(/^upload: /, 'The file ')
  return words[0].toUpperCase() + words.slice(1)
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop)
      resolve()
    }, 1000 * seconds)
    signal.addEventListener('abort', stop)
  })
}
