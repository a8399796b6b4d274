/*
 * A foreign module in the same process, of the kind that V8 14 optimises speculatively:
 *
 *   (type $op (func (param i32) (result i32)))
 *   (table 2 funcref)
 *   (elem (i32.const 0) $double $triple)
 *   (func $double (type $op) (i32.mul (local.get 0) (i32.const 2)))
 *   (func $triple (type $op) (i32.mul (local.get 0) (i32.const 3)))
 *   (func (export "sum") (param $count i32) (param $which i32) (result i32) (local $total i32)
 *     (loop $next
 *       (local.set $total (i32.add (local.get $total) (call_indirect (type $op) (local.get $count) (local.get $which))))
 *       (br_if $next (local.tee $count (i32.sub (local.get $count) (i32.const 1)))))
 *     (local.get $total))
 */
const BYTES =
  'AGFzbQEAAAABDAJgAX8Bf2ACf38BfwMEAwAAAQQEAXAAAgcHAQNzdW0AAgkIAQBBAAsCAAEKMAMHACAAQQJsCwcAIABBA2wLHgEBfwNAIAIgACABEQAAaiECIABBAWsiAA0ACyACCw=='

/** Sum of 2 i (`which` 0) or 3 i (1) for i from 1 to `count`, modulo 2^32. */
export type Sum = (count: number, which: number) => number

export function compileOther(): Sum {
  const module = new WebAssembly.Module(Buffer.from(BYTES, 'base64'))
  return new WebAssembly.Instance(module, {}).exports.sum as Sum
}

/** Runs it with `which` 0 until after V8 has optimised it. */
export async function warmUp(sum: Sum): Promise<void> {
  for (let round = 0; round < 20; round++) {
    for (let i = 0; i < 20; i++) sum(100_000, 0)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

/** Whether its sums are still right. With `which` 1, V8 14 must undo the speculative optimisation. */
export function isRight(sum: Sum): boolean {
  return sum(1000, 1) === 1_501_500 && sum(1000, 0) === 1_001_000
}
