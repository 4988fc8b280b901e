/** Goes on as real time does, and jumps ahead from one request to the next. */
export function createClock(startMs: number) {
  let shiftMs = startMs - Date.now()
  return {
    now: () => Date.now() + shiftMs,
    shiftMs: () => shiftMs,
    jumpTo(ms: number) {
      shiftMs = Math.max(shiftMs, ms - Date.now())
    },
  }
}

export type SimulatedClock = ReturnType<typeof createClock>
