/** A value that may be in memory: a promise on the way would cost more than the look-up. */
export type MaybePromise<T> = T | Promise<T>

/** The result of `next` for the value, without a promise if the value is there. */
export function chain<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
