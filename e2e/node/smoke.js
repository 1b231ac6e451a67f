// The application's life with one case through mysql2, in the text and in the binary protocol:
//   smoke.js HOST PORT USER PASSWORD DATABASE [CA]
// With CA the connection uses TLS and verifies the server. Exits 1 when an answer is not what MySQL would have given.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const mysql = require('mysql2/promise');

async function life(conn, method) {
  const run = (sql, args) => conn[method](sql, args);
  const [id, owner, name] = ['smoke-mysql2-' + method, '00000001-0091-7031-86bb-000000000001', 'Seán \\ "O\'Brien" 😀'];
  await run('DELETE FROM cases WHERE case_id = ?', [id]);
  const [inserted] = await run(
    'INSERT INTO cases (case_id, user_id, case_date, patient_first, patient_last, ins_provider, patient_dob) VALUES (?, ?, ?, ?, ?, ?, ?)',
    [id, owner, '2025-11-14', name, null, '', '1984-02-09']);
  assert.strictEqual(inserted.affectedRows, 1);
  assert.ok(inserted.insertId > 0);

  const [rows, fields] = await run('SELECT * FROM cases WHERE case_id = ?', [id]);
  assert.strictEqual(rows.length, 1);
  assert.strictEqual(rows[0].patient_first, name);
  assert.strictEqual(rows[0].patient_last, null);
  assert.strictEqual(rows[0].ins_provider, '');
  assert.strictEqual(rows[0].patient_dob, '1984-02-09');
  assert.strictEqual(rows[0].phi_encrypted, 0);
  assert.strictEqual(fields.find((f) => f.name === 'patient_dob').columnType, 10);
  assert.strictEqual(fields.find((f) => f.name === 'patient_first').columnLength, 1000);

  const update = 'UPDATE cases SET patient_first = ?, patient_dob = ? WHERE case_id = ?';
  const [changed] = await run(update, ['Jo', '2000-02-29', id]);
  assert.strictEqual(changed.affectedRows, 1);
  assert.strictEqual(changed.changedRows, 1);
  const [same] = await run(update, ['Jo', '2000-02-29', id]);
  assert.strictEqual(same.changedRows, 0);
  await assert.rejects(run(update, ['x'.repeat(251), '2000-02-29', id]), { errno: 1406 });
  await assert.rejects(run(update, ['Jo', '2000-02-30', id]), { errno: 1292 });
  const [[row]] = await run('SELECT patient_first, patient_dob FROM cases WHERE case_id = ?', [id]);
  assert.strictEqual(row.patient_first, 'Jo');
  assert.strictEqual(row.patient_dob, '2000-02-29');
  await run('DELETE FROM cases WHERE case_id = ?', [id]);
}

async function main([host, port, user, password, database, ca]) {
  const ssl = ca ? { ca: fs.readFileSync(ca) } : undefined;
  const conn = await mysql.createConnection({ host, port: Number(port), user, password, database, ssl, dateStrings: true, charset: 'utf8mb4' });
  await life(conn, 'query');
  await life(conn, 'execute');
  await conn.ping();
  await conn.end();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
