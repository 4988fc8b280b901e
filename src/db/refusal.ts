/** A database, or what stands before it, that the service can't work with; the message says what to change. */
export class DatabaseRefusal extends Error {}
