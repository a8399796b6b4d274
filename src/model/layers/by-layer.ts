/**
 * Finds a layer's sublayer, one for all layers that are alike. Each is created at its first use, so that a bank allocates
 * nothing that its layers do not use.
 */
export function byLayer<Sublayer>(
  isAlike: (a: number, b: number) => boolean,
  create: (layer: number) => Sublayer,
): (layer: number) => Sublayer {
  const created: { layer: number; sublayer: Sublayer }[] = []
  return (layer) => {
    const found = created.find((one) => isAlike(one.layer, layer)) ?? { layer, sublayer: create(layer) }
    if (!created.includes(found)) created.push(found)
    return found.sublayer
  }
}
