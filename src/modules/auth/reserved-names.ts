import { skeletonOf } from './confusables.ts'

// Names that speak for the service: those of RFC 2142 that do, what systems call their operators, and our own.
const names = [
  ...[
    'admin',
    'administrator',
    'root',
    'superuser',
    'sysadmin',
    'system',
    'staff',
    'moderator',
    'official',
    'operator',
  ],
  ...['support', 'security', 'hostmaster', 'postmaster', 'webmaster', 'kinoteka', 'kinopoisk'],
  ...[
    'админ',
    'администратор',
    'модератор',
    'оператор',
    'поддержка',
    'техподдержка',
    'система',
    'кинотека',
    'кинопоиск',
  ],
]
const reserved = new Set(names.map(skeletonOf))

/** True for a user name that a person takes for one of the service's own. */
export function isReserved(name: string): boolean {
  return reserved.has(skeletonOf(name))
}
