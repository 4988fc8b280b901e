/** What is in memory is had without a promise: each one on the way costs more than what it waits for. */
export type MaybePromise<T> = T | Promise<T>

/** What `next` makes of the value: at once where the value is there. */
export function chain<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}
