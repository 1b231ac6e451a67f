// The application's life with one case through MariaDB's own driver, in the text and in the binary protocol, alone and in a pool:
//   mariadb.js HOST PORT USER PASSWORD DATABASE
// Exits 1 when an answer is not what the server would have given.
'use strict';
const assert = require('node:assert');
const mariadb = require('mariadb');

const [owner, name] = ['00000001-0091-7031-86bb-000000000001', 'Seán \\ "O\'Brien" 😀'];
const insert = 'INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider, patient_dob) VALUES (?, ?, ?, ?, ?, ?, ?)';

async function life(conn, method) {
  const run = (sql, args) => conn[method](sql, args);
  const id = 'smoke-mariadb-' + method;
  const inserted = await run(insert, [id, owner, '2025-11-14', name, null, '', '1984-02-09']);
  assert.strictEqual(inserted.affectedRows, 1);
  assert.ok(inserted.insertId > 0);
  const rows = await run('SELECT * FROM cases WHERE case_id = ?', [id]);
  const row = rows[0];
  assert.deepStrictEqual([rows.length, row.patient_first, row.patient_last, row.ins_provider, row.patient_dob, row.phi_encrypted],
    [1, name, null, '', '1984-02-09', 0]);
  const type = (column) => rows.meta.find((m) => m.name() === column).type;
  assert.deepStrictEqual([type('patient_dob'), type('patient_first')], ['DATE', 'VAR_STRING']);

  const update = 'UPDATE cases SET patient_first = ?, patient_dob = ? WHERE case_id = ?';
  await run(update, ['Jo', '2000-02-29', id]);
  await assert.rejects(run(update, ['x'.repeat(251), '2000-02-29', id]), { errno: 1406, sqlState: '22001' });
  await assert.rejects(run(update, ['Jo', '2000-02-30', id]), { errno: 1292 });

  await conn.beginTransaction();
  await run(update, ['Undone', '1999-01-01', id]);
  await conn.rollback();
  const [kept] = await run('SELECT patient_first, patient_dob FROM cases WHERE case_id = ?', [id]);
  assert.deepStrictEqual([kept.patient_first, kept.patient_dob], ['Jo', '2000-02-29']);
  assert.strictEqual((await run('DELETE FROM cases WHERE case_id = ?', [id])).affectedRows, 1);
}

// The driver's batches are bulk executions or pipelined statements, whichever the server offers.
async function batch(conn) {
  const rows = Array.from({ length: 20 }, (_, i) => ['batch-mariadb-' + i, owner, '2025-11-14', 'Row ' + i, name, null, '2000-01-01']);
  await conn.batch(insert, rows);
  const got = await conn.query("SELECT patient_first, patient_last FROM cases WHERE case_id LIKE 'batch-mariadb-%' ORDER BY human_case_id");
  assert.deepStrictEqual(got.map((r) => [r.patient_first, r.patient_last]), rows.map((r) => [r[3], r[4]]));
  await conn.query("DELETE FROM cases WHERE case_id LIKE 'batch-mariadb-%'");
}

async function stream(conn) {
  const id = 'stream-mariadb';
  await conn.query(insert, [id, owner, '2025-11-14', name, null, '', '1984-02-09']);
  for await (const row of conn.queryStream('SELECT patient_first FROM cases WHERE case_id = ?', [id])) {
    assert.strictEqual(row.patient_first, name);
  }
  await conn.query('DELETE FROM cases WHERE case_id = ?', [id]);
}

async function main([host, port, user, password, database]) {
  const pool = mariadb.createPool({ host, port: Number(port), user, password, database, dateStrings: true, connectionLimit: 2, allowPublicKeyRetrieval: true });
  const conn = await pool.getConnection();
  await life(conn, 'query');
  await life(conn, 'execute');
  await batch(conn);
  await stream(conn);
  await conn.ping();
  await conn.reset();
  await conn.release();
  await pool.end();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
