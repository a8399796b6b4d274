/*
 * Elementary functions in double precision, of sums, products and quotients alone. Engines compute Math.exp and its kin by
 * different libraries, whose last bits differ; these have the same bits everywhere. Errors are below 2 ulp, unless stated.
 */

/** ln 2 and pi / 2 in parts: multiples of all but the last are exact (fdlibm). */
const [LN2_HIGH, LN2_LOW] = [0.6931471803691238, 1.9082149292705877e-10]
const [QUARTER_HIGH, QUARTER_MIDDLE, QUARTER_LOW] = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21]
const LOG2E = 1 / (LN2_HIGH + LN2_LOW)

/** Added to a double below 2^51 and taken away again, it leaves the nearest integer (ties to even). */
const ROUND = 6755399441055744

/** 2^n at place LEAST + n, for -LEAST <= n < 1024. */
const LEAST = 1074
const POWERS = new Float64Array(LEAST + 1024).fill(1)
for (let n = 1; n < 1024; n++) POWERS[LEAST + n] = POWERS[LEAST + n - 1] * 2
for (let n = 1; n <= LEAST; n++) POWERS[LEAST - n] = POWERS[LEAST - n + 1] / 2

/** e^x = 2^n e^r with |r| <= ln 2 / 2; e^r by its Taylor polynomial. */
export function exp(x: number): number {
  // Also beyond the ends of doubles: the square is 0 or infinite there.
  if (!(x > -708 && x < 708)) return Number.isNaN(x) ? x : exp(Math.min(Math.max(x, -800), 800) / 2) ** 2
  const n = x * LOG2E + ROUND - ROUND
  const r = x - n * LN2_HIGH - n * LN2_LOW
  let p = 1 / 6227020800
  p = p * r + 1 / 479001600
  p = p * r + 1 / 39916800
  p = p * r + 1 / 3628800
  p = p * r + 1 / 362880
  p = p * r + 1 / 40320
  p = p * r + 1 / 5040
  p = p * r + 1 / 720
  p = p * r + 1 / 120
  p = p * r + 1 / 24
  p = p * r + 1 / 6
  p = p * r + 1 / 2
  p = p * r + 1
  p = p * r + 1
  return p * POWERS[LEAST + n]
}

const STEPS = 128 // table entries to a unit of the argument
const LIMIT = 64 // exp(-64) is 1e-28: adding less to a double of at least 1, the largest weight, changes nothing
const TABLE = Float64Array.from({ length: LIMIT * STEPS + 1 }, (_, step) => exp(-step / STEPS))

/**
 * exp(-depth) for depth >= 0: the weight of a logit that is `depth` below the largest. Several times faster than exp,
 * which matters: a softmax over the vocabulary takes 50,000 of them per token, and all other threads wait while the
 * routers take theirs.
 *
 * Computes the nearest table entry times the cubic Taylor polynomial of the rest, |rest| <= 1/256. The relative error
 * is below 1e-11, while a float32 logit is exact to 1e-7 at best. Depths from 64 on, infinity and NaN give 0.
 */
export function expBelow(depth: number): number {
  if (!(depth < LIMIT)) return 0
  const step = (depth * STEPS + 0.5) | 0
  const rest = step * (1 / STEPS) - depth
  return TABLE[step] * (1 + rest * (1 + rest * (0.5 + rest * (1 / 6))))
}

export function sigmoid(x: number): number {
  return 1 / (1 + exp(-x))
}

/** log(1 + e^x), the positive number that a layer with states makes of a product. e^x itself may be too large. */
export function softplus(x: number): number {
  return Math.max(x, 0) + log(1 + exp(-Math.abs(x)))
}

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)

/**
 * ln(2^n (1 + f)) = n ln 2 + ln(1 + f) with 1 + f between the square roots of 1/2 and 2; ln(1 + f) by the series of
 * 2 artanh(s), s = f / (2 + f).
 */
export function log(x: number): number {
  if (!(x > 0)) return x === 0 ? -Infinity : NaN
  if (x === Infinity) return x
  if (x < POWERS[LEAST - 1022]) return log(x * POWERS[LEAST + 54]) - 54 * Math.LN2
  double[0] = x
  // The difference of the high words of 1 and sqrt(1/2): fractions above sqrt(2) belong to the next n.
  const n = ((words[1] + 0x95f62) >>> 20) - 1023
  const f = x * POWERS[LEAST - n] - 1
  const s = f / (2 + f)
  const z = s * s
  let p = 2 / 23
  p = p * z + 2 / 21
  p = p * z + 2 / 19
  p = p * z + 2 / 17
  p = p * z + 2 / 15
  p = p * z + 2 / 13
  p = p * z + 2 / 11
  p = p * z + 2 / 9
  p = p * z + 2 / 7
  p = p * z + 2 / 5
  p = p * z + 2 / 3
  const square = 0.5 * f * f
  return n * LN2_HIGH - (square - (s * (square + p * z) + n * LN2_LOW) - f)
}

/** x^y for x > 0. The relative error is below 1e-15 times the size of y ln x, and at least 4e-16. */
export function pow(x: number, y: number): number {
  return exp(y * log(x))
}

export function sin(x: number): number {
  return turned(x, 0)
}

export function cos(x: number): number {
  return turned(x, 1)
}

/** sin(x + quarters pi / 2), for |x| below 1.6 million. The absolute error is below 3e-16. */
function turned(x: number, quarters: number): number {
  const n = Math.round(x / (QUARTER_HIGH + QUARTER_MIDDLE))
  const r = x - n * QUARTER_HIGH - n * QUARTER_MIDDLE - n * QUARTER_LOW
  const quarter = (n + quarters) & 3
  const z = r * r
  let p = 0
  if (quarter & 1) {
    for (let even = 16; even >= 2; even -= 2) p = (1 + p) * (-z / (even * (even - 1)))
    p = 1 + p
  } else {
    for (let odd = 17; odd >= 3; odd -= 2) p = (1 + p) * (-z / (odd * (odd - 1)))
    p = r + r * p
  }
  return quarter & 2 ? -p : p
}
