/** Length of the longest beginning that two lists share, at most `most`. */
export function commonPrefix(a: ArrayLike<unknown>, b: ArrayLike<unknown>, most = Number.POSITIVE_INFINITY): number {
  const end = Math.min(a.length, b.length, most)
  let length = 0
  while (length < end && a[length] === b[length]) length++
  return length
}
