/** Goes on as real time does, and jumps ahead from one request to the next. */
export function createClock(startMs: number) {
  let shiftMs = startMs - Date.now()
  return {
    now: () => Date.now() + shiftMs,
    shiftMs: () => shiftMs,
    /** The shift by which it would be at least this moment. */
    shiftTo: (ms: number) => Math.max(shiftMs, ms - Date.now()),
    jump(toShiftMs: number) {
      shiftMs = toShiftMs
    },
  }
}

export type SimulatedClock = ReturnType<typeof createClock>
