/* A browser reports no processor time, and has no priorities. */

export function systemThreadId(): number {
  return 0
}

export function computedMsOfThread(_systemId: number): number {
  return Number.NaN
}

export function lowerPriorityOfThread(_systemId: number): void {}

export function computedMs(_pid: number | undefined): number {
  return Number.NaN
}
