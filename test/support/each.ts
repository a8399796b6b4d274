/** One field of each object of a list. */
export const each = <T, K extends keyof T>(list: readonly T[], field: K): T[K][] => list.map((one) => one[field])
