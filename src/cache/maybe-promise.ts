/** A value that may be in memory: a promise on the way would cost more than the look-up. */
export type MaybePromise<T> = T | Promise<T>

/** The result of `next` for the value, without a promise if the value is there. */
export function chain<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value)
}

/** The result of `next` for both values. If both fail, the first failure is the result, and the other one is no unhandled rejection. */
export function chainBoth<A, B, R>(a: MaybePromise<A>, b: MaybePromise<B>, next: (a: A, b: B) => R): MaybePromise<R> {
  if (!(a instanceof Promise) && !(b instanceof Promise)) return next(a, b)
  return Promise.all([a, b]).then(([a, b]) => next(a as A, b as B))
}
