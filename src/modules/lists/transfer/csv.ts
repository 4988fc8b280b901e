import { stringify } from 'csv-stringify'

/** RFC 4180 with CRLF, out of rows as they come. Also a lone CR or LF in a cell is quoted. */
export function writeTable(columns: readonly string[]) {
  return stringify({ header: true, columns: [...columns], record_delimiter: '\r\n', quoted_match: /[\r\n]/ })
}
