import { makePgArray } from 'drizzle-orm/pg-core/utils'

/**
 * The array types of queries, for the driver's `types`. By itself the driver queries the array types of the database on
 * every new connection; when that connection is lost meanwhile, the error is not caught, and the process ends.
 */
export const arrayTypes = {
  smallints: arrayType(1005, Number),
  integers: arrayType(1007, Number),
  texts: arrayType(1009, String),
  varchars: arrayType(1015, String),
}

function arrayType(oid: number, read: (item: string) => unknown) {
  return {
    to: oid,
    from: [oid],
    // Of a column of the schema it is text already.
    serialize: (value: unknown) => (Array.isArray(value) ? makePgArray(value) : value),
    parse: (text: string) => items(text).map((item) => (item === null ? null : read(item))),
  }
}

/** Of one dimension. Drizzle's own reader loses a backslash at the end. */
function items(text: string): (string | null)[] {
  return [...text.slice(1, -1).matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gs)].map(([, quoted, plain = '']) => {
    if (quoted !== undefined) return quoted.replace(/\\(.)/gs, '$1')
    return plain === 'NULL' ? null : plain
  })
}
