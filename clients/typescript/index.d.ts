import type { Client, FetchResponse } from 'openapi-fetch'
import type { paths, TokenPair } from './schema.d.ts'

export type * from './schema.d.ts'

export interface KinotekaOptions {
  /** Where the service is, such as `http://localhost:3000`. */
  baseUrl: string
  /** Of an earlier log-in. */
  tokens?: TokenPair
  /** A personal key, in place of tokens. */
  apiKey?: string
  /** Called with each new pair, so that it can be kept; with nothing when the session has ended. */
  onTokens?: (tokens: TokenPair | undefined) => void | Promise<void>
  fetch?: (request: Request) => Promise<Response>
}

export interface Kinoteka extends Client<paths> {
  /** Logs in, and sends the tokens from now on. */
  logIn(
    login: string,
    password: string,
  ): Promise<FetchResponse<paths['/auth/login']['post'], object, 'application/json'>>
  /** Ends the session. */
  logOut(): Promise<FetchResponse<paths['/auth/logout']['post'], object, 'application/json'>>
}

/** A client of one user, which refreshes its tokens. */
export declare function createKinoteka(options: KinotekaOptions): Kinoteka
