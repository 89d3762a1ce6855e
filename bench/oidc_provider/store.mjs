// oidc-provider's store in PostgreSQL: one table, a pool of connections, statements as node-postgres
// sends them unless each gets a name, by which PostgreSQL keeps it prepared.
import pg from 'pg';

const NAMED = process.env.NAMED_STATEMENTS === '1';
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 4 });

export async function connect() {
  await pool.query(`
    CREATE TABLE IF NOT EXISTS stored (
      model text NOT NULL, id text NOT NULL, payload jsonb NOT NULL, grant_id text, uid text,
      user_code text, expires_at timestamptz, consumed_at timestamptz, PRIMARY KEY (model, id)
    );
    CREATE INDEX IF NOT EXISTS stored_grant ON stored (grant_id) WHERE grant_id IS NOT NULL;
    CREATE INDEX IF NOT EXISTS stored_uid ON stored (model, uid) WHERE uid IS NOT NULL;
    CREATE INDEX IF NOT EXISTS stored_user_code ON stored (user_code) WHERE user_code IS NOT NULL;
    CREATE INDEX IF NOT EXISTS stored_expiry ON stored (expires_at);
  `);
}

const run = (name, text, values) => pool.query({ name: NAMED ? name : undefined, text, values });

function payloadOf({ rows: [row] }) {
  if (!row) return undefined;
  return row.consumed_at
    ? { ...row.payload, consumed: Math.floor(row.consumed_at.getTime() / 1000) }
    : row.payload;
}

const VALID = '(expires_at IS NULL OR expires_at > now())';

export class Store {
  constructor(model) {
    this.model = model;
  }

  async upsert(id, payload, expiresIn) {
    await run('upsert', `
      INSERT INTO stored (model, id, payload, grant_id, uid, user_code, expires_at)
      VALUES ($1, $2, $3, $4, $5, $6, $7)
      ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload,
        grant_id = excluded.grant_id, uid = excluded.uid, user_code = excluded.user_code,
        expires_at = excluded.expires_at`,
    [this.model, id, payload, payload.grantId ?? null, payload.uid ?? null,
      payload.userCode ?? null, expiresIn ? new Date(Date.now() + expiresIn * 1000) : null]);
  }

  async find(id) {
    return payloadOf(await run('find',
      `SELECT payload, consumed_at FROM stored WHERE model = $1 AND id = $2 AND ${VALID}`,
      [this.model, id]));
  }

  async findByUid(uid) {
    return payloadOf(await run('uid',
      `SELECT payload, consumed_at FROM stored WHERE model = $1 AND uid = $2 AND ${VALID}`,
      [this.model, uid]));
  }

  async findByUserCode(code) {
    return payloadOf(await run('code',
      `SELECT payload, consumed_at FROM stored WHERE model = $1 AND user_code = $2 AND ${VALID}`,
      [this.model, code]));
  }

  async consume(id) {
    await run('consume',
      'UPDATE stored SET consumed_at = now() WHERE model = $1 AND id = $2', [this.model, id]);
  }

  async destroy(id) {
    await run('destroy', 'DELETE FROM stored WHERE model = $1 AND id = $2', [this.model, id]);
  }

  async revokeByGrantId(grantId) {
    await run('revoke', 'DELETE FROM stored WHERE grant_id = $1', [grantId]);
  }
}
