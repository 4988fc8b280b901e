import { eq, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { apiKeys } from '../../db/schema/api-keys.ts'
import { passwordResets } from '../../db/schema/password-resets.ts'
import { sessions } from '../../db/schema/sessions.ts'
import { users } from '../../db/schema/users.ts'
import { lockOtherAdmins } from './admin-lock.ts'
import { profileColumns } from './profile-columns.ts'

export interface AccountChange {
  role?: 'user' | 'admin' | undefined
  blocked?: boolean | undefined
  daily_limit?: number | null | undefined
}

const account = { ...profileColumns, blocked: users.blocked, daily_limit: users.daily_limit }

/** All accounts, for administrators. */
export function createUserAdminRepository(db: Db) {
  return {
    list: (q: string | undefined, limit: number, offset: number) =>
      db.select(account).from(users).where(matching(q)).orderBy(users.id).limit(limit).offset(offset),

    async count(q: string | undefined): Promise<number> {
      const [row] = await db.select({ total: sql<number>`count(*)::int` }).from(users).where(matching(q))
      return row?.total ?? 0
    },

    /** Blocking deletes all sessions and keys of the user, and its reset token, in the same transaction. */
    change(id: number, change: AccountChange) {
      return db.transaction(async (tx) => {
        const hasOthers = await lockOtherAdmins(tx, id)
        const [before] = await tx
          .select({ role: users.role, blocked: users.blocked })
          .from(users)
          .where(eq(users.id, id))
          .for('no key update')
        if (!before) return 'no user'
        if (isAdmin(before) && !isAdmin({ ...before, ...change }) && !hasOthers) return 'last admin'
        if (change.blocked) {
          await tx.delete(sessions).where(eq(sessions.user_id, id))
          await tx.delete(apiKeys).where(eq(apiKeys.user_id, id))
          await tx.delete(passwordResets).where(eq(passwordResets.user_id, id))
        }
        const [after] = await tx
          .update(users)
          .set({ ...change, updated_at: sql`now()` })
          .where(eq(users.id, id))
          .returning(account)
        return after ?? 'no user'
      })
    },
  }
}

export type UserAdminRepository = ReturnType<typeof createUserAdminRepository>

function isAdmin({ role, blocked }: Pick<AccountChange, 'role' | 'blocked'>): boolean {
  return role === 'admin' && !blocked
}

/** `q` is a part of the login or of the name and surname, in any case. */
function matching(q: string | undefined): SQL | undefined {
  if (q === undefined) return undefined
  return sql`strpos(lower(concat_ws(' ', ${users.login}, ${users.name}, ${users.surname})), lower(${q})) > 0`
}
