// Packs several files into one uncompressed ZIP archive, because the service takes one file and a series has many.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1
  return rest
})

/** Return a ZIP archive of files, numbered instead of named, because names may identify the patient. */
export async function zip(files, signal) {
  const parts = []
  const directory = []
  let offset = 0
  for (const [number, file] of files.entries()) {
    signal.throwIfAborted()
    const content = new Uint8Array(await file.arrayBuffer())
    const name = new TextEncoder().encode(String(number).padStart(5, '0'))
    const about = [20, 0, 0, 0, 0x21, crc32(content), content.length, content.length, name.length, 0]
    const kinds = [2, 2, 2, 2, 2, 4, 4, 4, 2, 2] // bytes of each: version, flags, method, time, date, crc, sizes, lengths
    const local = fields([0x04034b50, ...about], [4, ...kinds])
    parts.push(local, name, content)
    directory.push(fields([0x02014b50, 20, ...about, 0, 0, 0, 0, offset], [4, 2, ...kinds, 2, 2, 2, 4, 4]), name)
    offset += local.length + name.length + content.length
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0)
  const end = fields([0x06054b50, 0, 0, files.length, files.length, size, offset, 0], [4, 2, 2, 2, 2, 4, 4, 2])
  return new Blob([...parts, ...directory, end])
}

function fields(values, sizes) {
  const bytes = []
  values.forEach((value, place) => {
    for (let byte = 0; byte < sizes[place]; byte++) bytes.push((value >>> (8 * byte)) & 255)
  })
  return Uint8Array.from(bytes)
}

function crc32(content) {
  let sum = 0xffffffff
  for (const byte of content) sum = TABLE[(sum ^ byte) & 255] ^ (sum >>> 8)
  return ~sum >>> 0
}
