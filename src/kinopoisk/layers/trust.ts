import { isPassing, refusal, UpstreamFailure } from '../failures.ts'
import { distrust, isNonsense, type Probe, type Verdict } from '../probe.ts'
import type { CallContext, Endpoint, Layer, UpstreamRequest } from '../request.ts'
import type { ResponseRepository } from '../store/responses.ts'

interface Options {
  probe: Probe
  responses: Pick<ResponseRepository, 'find'>
  /** Called when a film has come in spite of the failures of others. */
  onWell(endpoint: Endpoint): void
}

// So many different requests of an endpoint in a row without a usable response are a doubt.
const manyFailures = 5

/**
 * What is believed. A 404 without upstream's own text, and failures of different requests in a row, are decided by a
 * probe: if that fails as well, upstream as a whole is in trouble, and nothing doubtful is believed or stored.
 */
export function createTrust({ probe, responses, onWell }: Options) {
  // Different requests without a usable response, since the endpoint's last usable one.
  const unusable = new Map<Endpoint, Set<string>>()
  // The probe by which a response of the endpoint was last not believed.
  const distrustedBy = new Map<Endpoint, number>()

  function notBelieved(endpoint: Endpoint, verdict: Verdict): UpstreamFailure {
    if (isNonsense(verdict) && verdict.begunAt) distrustedBy.set(endpoint, verdict.begunAt.getTime())
    return distrust(verdict)
  }

  async function decide404(request: UpstreamRequest<unknown>, context: CallContext): Promise<void> {
    const verdict = await probe.verdict(request, context)
    if (verdict.reason !== null) throw notBelieved(request.endpoint, verdict)
    // Upstream had it: only its own word takes it away.
    if ((await responses.find(request.path))?.text) throw distrust({ reason: null, leftMs: 0 })
  }

  async function decideFailure(
    request: UpstreamRequest<unknown>,
    context: CallContext,
    failure: UpstreamFailure,
  ): Promise<UpstreamFailure> {
    const { endpoint, path } = request
    const different = (unusable.get(endpoint) ?? new Set()).add(path)
    unusable.set(endpoint, different)
    if (different.size < manyFailures) return failure
    unusable.delete(endpoint)
    const verdict = await probe.verdict(request, context)
    // Only odd films were asked for, perhaps by one user: no reason to keep others from theirs.
    if (endpoint === 'film' && verdict.reason === null) onWell(endpoint)
    return isNonsense(verdict) && !isPassing(failure.outcome) ? notBelieved(endpoint, verdict) : failure
  }

  /** How long the request is not sent; undefined: it may be. */
  async function refusedMs(request: UpstreamRequest<unknown>, context: CallContext): Promise<number | undefined> {
    const { endpoint } = request
    // A probe is of a film: its result holds for films, and until there is a better one nothing is fetched in advance.
    const isProbed = endpoint === 'film' || context.purpose === 'refresh'
    if (!probe.isTroubled() || !(isProbed || distrustedBy.has(endpoint))) return undefined
    const verdict = isProbed ? await probe.verdict(request, context) : await probe.findLatest()
    // Without a probe the caller's time has passed.
    if (!verdict || !(isNonsense(verdict) || verdict.begunAt === undefined)) return undefined
    if (!isProbed && distrustedBy.get(endpoint) !== verdict.begunAt?.getTime()) return undefined
    if (!verdict.spare) return verdict.leftMs
    verdict.spare = false
    return undefined
  }

  /** Before the queue: rejects what would not be believed. */
  const failFast: Layer = (fetch) => async (request, context) => {
    const ms = context.forced ? undefined : await refusedMs(request, context)
    if (ms !== undefined) throw refusal('upstream_bad_response', ms / 1000, 'upstream is not trusted at present')
    return fetch(request, context)
  }

  /** Under the store: what is not believed is not stored. */
  const believed: Layer = (fetch) => async (request, context) => {
    try {
      const response = await fetch(request, context)
      if (response.unexplained) {
        await decide404(request, context)
        return response
      }
      unusable.delete(request.endpoint)
      distrustedBy.delete(request.endpoint)
      if (request.endpoint === 'film' && response.value !== null) await probe.endTrouble()
      return response
    } catch (error) {
      throw isDoubtful(request, error) ? await decideFailure(request, context, error) : error
    }
  }

  return { failFast, believed }
}

/** What may be the request's own trouble, or upstream's; where films fail to come at all, a probe can tell as well. */
function isDoubtful({ endpoint }: UpstreamRequest<unknown>, error: unknown): error is UpstreamFailure {
  if (!(error instanceof UpstreamFailure) || error.isGeneral) return false
  return error.outcome === 'bad_response' || (endpoint === 'film' && isPassing(error.outcome))
}
