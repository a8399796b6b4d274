/**
 * Finds a layer's sublayer by its kind. Each kind is created at its first use, so that a bank allocates nothing that its
 * layers do not use.
 */
export function byLayer<Kind extends string, Sublayer>(
  kindOf: (layer: number) => Kind,
  create: Record<Kind, (kind: Kind) => Sublayer>,
): (layer: number) => Sublayer {
  const created = new Map<Kind, Sublayer>()
  return (layer) => {
    const kind = kindOf(layer)
    const sublayer = created.get(kind) ?? create[kind](kind)
    created.set(kind, sublayer)
    return sublayer
  }
}
