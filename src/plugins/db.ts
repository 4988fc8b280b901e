import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { Gauge, Histogram } from 'prom-client'
import { connect, type Database } from '../db/connect.ts'
import { openConnections } from '../db/pool/open-connections.ts'

declare module 'fastify' {
  interface FastifyInstance {
    database: Database
  }
}

/** Needs the metrics. */
export default fp(async (app: FastifyInstance, options: { url: string; max: number | undefined }) => {
  const registers = [app.metrics]
  const duration = new Histogram({
    name: 'db_query_duration_seconds',
    help: 'Time of a statement from the pool to its rows, the wait for a connection included; without COPY',
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
    registers,
  })
  const database = connect(options.url, {
    max: options.max,
    onQuery: (seconds) => duration.observe(seconds),
    onOutage: (down, reason) =>
      down ? app.log.error({ reason }, 'the database does not answer') : app.log.warn('the database answers again'),
    onRefusal: (reason) => app.log.error({ reason }, 'a server of the database is refused'),
  })
  new Gauge({
    name: 'db_pool_connections',
    help: 'Connections of the pool that serve a query or a transaction, and those that are open for the next one',
    labelNames: ['state'],
    registers,
    collect() {
      const { active, idle } = database.stats()
      this.set({ state: 'active' }, active)
      this.set({ state: 'idle' }, idle)
    },
  })
  new Gauge({
    name: 'db_pool_waiting',
    help: 'Queries and transactions that wait for a connection, or on one behind another query',
    registers,
    collect() {
      this.set(database.stats().waiting)
    },
  })
  new Gauge({
    name: 'db_connections',
    help: 'All connections of this process to the database, by what they are for',
    labelNames: ['use'],
    registers,
    collect() {
      for (const [use, count] of Object.entries(openConnections())) this.set({ use }, count)
    },
  })
  new Gauge({
    name: 'db_servers',
    help: 'Servers of DATABASE_URL, by what they are: the primary in use, a standby, silent, or refused though it takes writes',
    labelNames: ['server', 'state'],
    registers,
    collect() {
      this.reset()
      for (const labels of database.servers()) this.set(labels, 1)
    },
  })
  app.decorate('database', database)
  app.addHook('onClose', () => database.close())
})
