import { Type } from '@sinclair/typebox'

/** The page's screens, as the metric counts them. */
export const screens = [
  ...(['home', 'search', 'catalogue', 'film', 'person', 'mine', 'account', 'administration', 'login'] as const),
  ...(['register', 'not_found'] as const),
]

export const ViewBody = Type.Object({
  screen: Type.Unsafe<(typeof screens)[number]>({ type: 'string', enum: screens }),
})

export const AssetParams = Type.Object({
  version: Type.String({ maxLength: 40 }),
  '*': Type.String({ maxLength: 200 }),
})
