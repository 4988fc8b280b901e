import htm from 'htm'
import { type ComponentChildren, h, type VNode } from 'preact'
import { useEffect, useState } from 'preact/hooks'

export { render } from 'preact'
export { useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
export type { ComponentChildren, VNode }

/** Templates that become nodes; text in them is never taken for markup. */
export const html = htm.bind(h) as (strings: TemplateStringsArray, ...values: unknown[]) => VNode

export interface Store<T> {
  get(): T
  set(value: T): void
  subscribe(listener: () => void): () => void
}

/** A value that is shown in more than one place. */
export function createStore<T>(initial: T): Store<T> {
  let value = initial
  const listeners = new Set<() => void>()
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return
      value = next
      for (const listener of [...listeners]) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

export function useStore<T>(store: Store<T>): T {
  const [, draw] = useState(0)
  useEffect(() => {
    let seen = store.get()
    const check = () => {
      if (Object.is(seen, store.get())) return
      seen = store.get()
      draw((n) => n + 1)
    }
    draw((n) => n + 1)
    return store.subscribe(check)
  }, [store])
  return store.get()
}
