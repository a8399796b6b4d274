/**
 * A queue of tasks that runs at most `limit` of them at a time.
 */
export class TaskQueue {
  constructor(limit) {
    this.limit = limit
    this.running = 0
    this.waiting = []
  }

  add(task) {
    return new Promise((resolve, reject) => {
      this.waiting.push({ task, resolve, reject })
      this.next()
    })
  }

  next() {
    if (this.running >= this.limit || this.waiting.length === 0) return
    const { task, resolve, reject } = this.waiting.shift()
    this.running++
    task()
      .then(resolve, reject)
      .finally(() => {
        this.running--
        this.next()
      })
  }
}

/**
 * Returns the index of `value` in a sorted array, or -1.
 */
export function binarySearch(array, value) {
  let low = 0
  let high = array.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    if (array[middle] === value) return middle
    if (array[middle] < value) low = middle + 1
    else high = middle - 1
  }
  return -1
}

export function groupBy(array, keyOf) {
  const groups = new Map()
  for (const item of array) {
    const key = keyOf(item)
    if (!groups.has(key)) groups.set(key, [])
    groups.get(key).push(item)
  }
  return groups
}

export function debounce(callback, delay) {
  let timer
  return (...args) => {
    clearTimeout(timer)
    timer = setTimeout(() => callback(...args), delay)
  }
}

function isObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function mergeDeep(target, source) {
  for (const [key, value] of Object.entries(source)) {
    if (isObject(value) && isObject(target[key])) mergeDeep(target[key], value)
    else target[key] = value
  }
  return target
}
