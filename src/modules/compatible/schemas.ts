import { Type } from '@sinclair/typebox'
import { Id } from '../../http/schemas.ts'

/** An error as Kinopoisk has it. */
const Message = Type.Object(
  { message: Type.String() },
  { examples: [{ message: 'You exceeded the quota. The daily number of calls of this key is spent' }] },
)

/** Whatever Kinopoisk sends at this address. */
export const Answer = Type.Unsafe<never>({ description: 'As Kinopoisk sent it', examples: [{}] })

const Quota = Type.Object({
  value: Type.Integer({ minimum: -1, description: '-1: no limit, or all is spent and what is kept can still be had' }),
  used: Type.Integer({ minimum: 0 }),
})

export const Account = Type.Object(
  {
    totalQuota: Quota,
    dailyQuota: Quota,
    accountType: Type.Unsafe<'FREE' | 'UNLIMITED'>({ type: 'string', enum: ['FREE', 'UNLIMITED'] }),
  },
  { examples: [{ totalQuota: { value: -1, used: 3 }, dailyQuota: { value: 20, used: 3 }, accountType: 'FREE' }] },
)

export const AccountParams = Type.Object({
  key: Type.String({
    maxLength: 200,
    description: 'A personal key',
    examples: ['3f0c2a52-3d0b-4c5e-9a49-0c6f1f6a8a11'],
  }),
})

export const PictureParams = Type.Object({ id: Id })

const message = (description: string) => ({ description, content: { 'application/json': { schema: Message } } })

/** The errors of every address: how each has its status and text is in http/upstream-form.ts. */
export const errors = {
  400: message('`invalid_input`: a parameter cannot be'),
  401: message('`invalid_key`: no key, or one that is not known'),
  402: message('`upstream_budget_spent`: the calls of the key, its user or the day are spent, and nothing is kept'),
  403: message('`key_not_allowed`: the key is not for this'),
  404: message('`not_found`: Kinopoisk has nothing at this address'),
  500: message('`internal_error`'),
  503: message('`upstream_unavailable`: Kinopoisk could not be asked, and nothing is kept; or `overloaded`'),
}
