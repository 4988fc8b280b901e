export type Random = () => number

/** The same numbers for the same seed, 0 ≤ x < 1 (mulberry32). */
export function randomNumbers(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Draws an index, each as likely as its weight. */
export function drawer(weights: readonly number[]): (random: Random) => number {
  let sum = 0
  const sums = weights.map((weight) => (sum += weight))
  return (random) => {
    const wanted = random() * sum
    let [low, high] = [0, sums.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((sums[middle] ?? 0) > wanted) high = middle
      else low = middle + 1
    }
    return low
  }
}

/** Zipf–Mandelbrot: the weights 1/(shift + rank); shift 0 is Zipf with s = 1. */
export function zipf(size: number, shift = 0): number[] {
  return Array.from({ length: size }, (_, index) => 1 / (shift + index + 1))
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T
}
