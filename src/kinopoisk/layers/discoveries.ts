import type { Discovery } from '../normalise.ts'
import type { Layer } from '../request.ts'

type Listener = (discovery: Discovery) => Promise<void>

/**
 * Passes the films of every new response to the listener. A failure of the listener is logged and does not fail the
 * response.
 */
export function createDiscoveries(warn: (error: unknown, message: string) => void) {
  let listener: Listener = async () => {}
  const announced: Layer = (fetch) => async (request, context) => {
    const response = await fetch(request, context)
    const discovery = response.value ? request.discover?.(response.value, response.fetchedAt) : undefined
    if (discovery)
      await listener(discovery).catch((error) => warn(error, 'films of a response of Kinopoisk could not be stored'))
    return response
  }
  return {
    announced,
    listen(next: Listener) {
      listener = next
    },
  }
}
