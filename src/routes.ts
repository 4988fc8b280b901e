import type { FastifyInstance } from 'fastify'
import type { Config } from './config/config.ts'
import { adminRoutes } from './modules/admin/routes.ts'
import { resetAdminRoutes, resetRoutes } from './modules/auth/reset-routes.ts'
import { authRoutes } from './modules/auth/routes.ts'
import { sessionRoutes } from './modules/auth/session-routes.ts'
import { webSessionRoutes } from './modules/auth/web-routes.ts'
import { compatiblePictureRoutes } from './modules/compatible/picture-routes.ts'
import { compatibleRoutes } from './modules/compatible/routes.ts'
import { photoAdminRoutes, photoRoutes } from './modules/directors/photo-routes.ts'
import { directorAdminRoutes, directorRoutes } from './modules/directors/routes.ts'
import { filmExportRoutes } from './modules/films/csv/export-routes.ts'
import { filmImportRoutes } from './modules/films/csv/import-routes.ts'
import { filmAdminRoutes, filmRoutes } from './modules/films/routes.ts'
import { genreAdminRoutes, genreRoutes } from './modules/genres/routes.ts'
import { healthRoutes } from './modules/health/routes.ts'
import { siteRoutes } from './modules/health/site-routes.ts'
import { keyRoutes } from './modules/keys/routes.ts'
import { listRoutes } from './modules/lists/routes.ts'
import { transferRoutes } from './modules/lists/transfer/routes.ts'
import { movieCatalogueRoutes } from './modules/movies/movie-routes.ts'
import { searchRoutes } from './modules/movies/search/routes.ts'
import { supplementRoutes } from './modules/movies/supplements/routes.ts'
import { personRoutes } from './modules/people/routes.ts'
import { posterRoutes } from './modules/pictures/routes.ts'
import { ratingRoutes } from './modules/ratings/routes.ts'
import { statsRoutes } from './modules/ratings/stats-routes.ts'
import { suggestionRoutes } from './modules/suggestions/routes.ts'
import { usageAdminRoutes, usageRoutes } from './modules/usage/routes.ts'
import { accountRoutes } from './modules/users/account-routes.ts'
import { userAdminRoutes } from './modules/users/admin-routes.ts'
import { userRoutes } from './modules/users/routes.ts'
import { pageRoutes } from './modules/web/page-routes.ts'
import { optionalToken } from './plugins/openapi.ts'
import { mayLag } from './plugins/reads.ts'
import { documentConditionalGet, neverCompressed } from './plugins/representations.ts'
import { noStore, revalidate } from './plugins/security.ts'
import { createSemaphore } from './semaphore.ts'
import type { Services } from './services.ts'

/** The scopes, from open to everyone to administrators only, and the modules in each. */
export async function registerRoutes(app: FastifyInstance, config: Config, services: Services): Promise<void> {
  // Of a user one at a time, whichever it is.
  const downloads = createSemaphore({ name: 'downloads', max: 200, maxPerCaller: 1, maxQueue: 200 })
  await app.register(async (open) => {
    open.addHook('onRequest', noStore)
    await open.register(healthRoutes, {
      isReady: services.isReady,
      isStopping: app.draining.has,
      metricsToken: config.metricsToken,
    })
    await open.register(siteRoutes, { securityContact: config.securityContact, hasPage: config.web })
    await open.register(authRoutes, services)
    await open.register(resetRoutes, services)
    if (config.web) await open.register(webSessionRoutes, { ...services, refreshTtlMs: config.refreshTtlMs })
  })
  if (config.web) {
    await app.register(async (page) => {
      page.addHook('onSend', page.represent)
      await page.register(pageRoutes, { isPublic: config.publicCatalogue, isSandbox: !config.kinopoisk.apiKey })
    })
  }
  if (config.kinopoisk.compatible) {
    await app.register(async (compatible) => {
      compatible.addHook('onSend', compatible.represent)
      await compatible.register(compatibleRoutes, services)
      await compatible.register(async (pictures) => {
        pictures.keyScope = 'gateway'
        await pictures.register(compatiblePictureRoutes, services)
      })
    })
  }
  await app.register(async (reading) => {
    if (config.publicCatalogue) reading.security = optionalToken
    reading.keyScope = 'read'
    reading.addHook('onRoute', documentConditionalGet)
    reading.addHook('onRoute', mayLag)
    reading.addHook('onRequest', revalidate(config.publicCatalogue))
    reading.addHook('onSend', reading.represent)
    reading.addHook('onRequest', config.publicCatalogue ? reading.identify : reading.authenticate)
    await reading.register(filmRoutes, services)
    await reading.register(genreRoutes, services)
    await reading.register(directorRoutes, services)
    await reading.register(photoRoutes, services)
    await reading.register(movieCatalogueRoutes, services)
    await reading.register(suggestionRoutes, services)
    await reading.register(filmExportRoutes, { ...services, downloads })
  })
  await app.register(async (pictures) => {
    pictures.keyScope = 'read'
    pictures.addHook('onRoute', documentConditionalGet)
    pictures.addHook('onRequest', noStore)
    pictures.addHook('onSend', pictures.represent)
    await pictures.register(posterRoutes, { ...services, ...app.pictures.paths })
  })
  await app.register(async (secured) => {
    secured.addHook('onRoute', documentConditionalGet)
    secured.addHook('onRequest', noStore)
    secured.addHook('onSend', secured.represent)
    secured.addHook('onRequest', secured.authenticate)
    await secured.register(async (secret) => {
      secret.addHook('onRoute', neverCompressed)
      await secret.register(sessionRoutes, services)
      await secret.register(keyRoutes, services)
    })
    await secured.register(accountRoutes, { ...services, downloads })
    await secured.register(async (personal) => {
      personal.keyScope = 'read'
      await personal.register(userRoutes, services)
      await personal.register(searchRoutes, services)
      await personal.register(supplementRoutes, services)
      await personal.register(personRoutes, services)
      await personal.register(usageRoutes, services)
      await personal.register(statsRoutes, services)
    })
    await secured.register(async (lists) => {
      lists.keyScope = 'lists'
      const { favorites, wishlist, places } = services
      await lists.register(listRoutes, { list: favorites, places, path: 'favorites', name: 'Favorites' })
      await lists.register(listRoutes, { list: wishlist, places, path: 'wishlist', name: 'Wishlist' })
      await lists.register(transferRoutes, { ...services, downloads })
      await lists.register(ratingRoutes, services)
    })
    await secured.register(async (administration) => {
      administration.addHook('onRequest', administration.requireAdmin)
      await administration.register(adminRoutes, { status: services.kinopoiskStatus, movies: services.movies })
      await administration.register(usageAdminRoutes, services)
      await administration.register(userAdminRoutes, services)
      await administration.register(async (secret) => {
        secret.addHook('onRoute', neverCompressed)
        await secret.register(resetAdminRoutes, services)
      })
      await administration.register(filmAdminRoutes, services)
      await administration.register(genreAdminRoutes, services)
      await administration.register(directorAdminRoutes, services)
      await administration.register(photoAdminRoutes, services)
      // Each up to 1 GiB on disk.
      const uploads = createSemaphore({ name: 'uploads', max: 4, maxPerCaller: 2 })
      await administration.register(filmImportRoutes, { filmImport: services.filmImport, uploads })
    })
  })
}
