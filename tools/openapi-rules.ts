/** A rule of a linter that is switched off, and why. */
type Off = Record<string, string>

/** Of Redocly's `recommended-strict`. */
export const redoclyOff: Off = {
  'no-ambiguous-paths':
    'Public task statements name both /movies/{id}/… and /movies/favorites/{id}; the fixed segment comes first (OpenAPI 3.1, Path Templating Matching)',
}

/** Of Spectral's `oas`, with all rules, also those that are not recommended. */
export const spectralOff: Off = {
  'openapi-tags-alphabetical': 'The tags are in reading order: what a newcomer needs comes first',
  'operation-description': 'Where the summary says all, a description would repeat it',
  'contact-properties': 'The operator names a contact with SECURITY_CONTACT, one of e-mail and address',
  'license-url': 'OpenAPI 3.1 takes `identifier` (SPDX) in its place',
}

/** Of the OWASP ruleset (API Security Top 10, 2023), with all rules. */
export const owaspOff: Off = {
  'owasp:api1:2023-no-numeric-ids':
    'Ids of films are those of Kinopoisk, and public. What belongs to a user is checked against the user, not hidden by its id: test/authorisation.test.ts',
  'owasp:api2:2023-write-restricted':
    'Registering, logging in, refreshing and resetting a password come before there is a token',
  'owasp:api2:2023-read-restricted':
    'Health, metrics and the kinds of problems are open by contract; the service closes metrics by METRICS_TOKEN',
  'owasp:api2:2023-jwt-best-practices': 'A personal key is no JWT: the rule wants RFC 8725 said of it as well',
  'owasp:api4:2023-string-restricted':
    'Titles, names and texts are free text of any script: a pattern would say nothing',
  'owasp:api4:2023-rate-limit':
    'Only attempts to log in are counted by time, and say so; all else is bounded by turns and shares, which have no window',
  'owasp:api4:2023-rate-limit-responses-429': '429 is documented where it happens, not everywhere',
  'owasp:api8:2023-define-error-responses-401': 'An open operation has no 401',
  'owasp:api8:2023-define-cors-origin':
    'CORS is off, or for the origins that the operator names: it is of the instance, not of an operation',
  'owasp:api9:2023-inventory-access': '`x-internal` would be a private keyword in a public document',
  'owasp:api9:2023-inventory-environment': 'The server is the one that was asked: its operator knows its environment',
}
