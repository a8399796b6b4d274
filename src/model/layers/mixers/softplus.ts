/** log(1 + exp(x)), the positive number that a layer with states makes of a product. exp(x) itself may be too large. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log(1 + Math.exp(-Math.abs(x)))
}
