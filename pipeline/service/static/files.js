// Collects files from a drop, which may contain folders.

/** Return all files of a drop. Call it before any await, because the drop's data is gone afterwards. */
export function dropped(transfer) {
  const entries = [...transfer.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean)
  return entries.length ? Promise.all(entries.map(inside)).then(found => found.flat()) : Promise.resolve([...transfer.files])
}

async function inside(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))]
  const reader = entry.createReader()
  const found = []
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)) // returns a hundred at a time
    if (!some.length) return (await Promise.all(found.map(inside))).flat()
    found.push(...some)
  }
}
