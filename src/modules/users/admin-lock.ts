import { and, eq } from 'drizzle-orm'
import type { Db } from '../../db/connect.ts'
import { users } from '../../db/schema/users.ts'

/**
 * Whether another user is an administrator. The rows of all administrators stay locked until the transaction ends: of
 * two administrators that demote each other the second waits, and sees what the first did.
 */
export async function lockOtherAdmins(tx: Db, userId: number): Promise<boolean> {
  const admins = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, 'admin'), eq(users.blocked, false)))
    .orderBy(users.id)
    .for('no key update')
  return admins.some(({ id }) => id !== userId)
}
