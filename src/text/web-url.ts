/** The longest address that is taken from anybody. */
export const maxUrlLength = 2048

/** What to change in a text that is none. */
export const mustBeWebUrl = 'must be an absolute http or https address without user and password'

// A password would be somebody's secret. A host that is a scheme comes of `https://https://…`. The other characters stand
// in an address in encoded form only.
const form = /^https?:\/\/(?!https?[:/])[^\s\p{Cc}\p{Cs}/?#@\\<>"`]+([/?#][^\s\p{Cc}\p{Cs}\\<>"`]*)?$/iu

/** True for an absolute http or https address without credentials, of at most 2048 characters. */
export function isWebUrl(text: string): boolean {
  return text.length <= maxUrlLength && form.test(text) && URL.canParse(text)
}
