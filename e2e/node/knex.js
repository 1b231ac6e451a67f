// The application's life with one case through Knex on mysql2: knex.js HOST PORT USER PASSWORD DATABASE
// Exits 1 when an answer is not what the server would have given.
'use strict';
const assert = require('node:assert');
const knex = require('knex');

const [id, owner, name] = ['smoke-knex', '00000001-0091-7031-86bb-000000000001', 'Seán \\ "O\'Brien" 😀'];
const columns = ['patient_first', 'patient_last', 'ins_provider', 'patient_dob'];

async function life(db) {
  const one = () => db('cases').where({ case_id: id }).first(...columns);
  await db('cases').where({ case_id: id }).del();
  const [key] = await db('cases').insert({ case_id: id, user_id: owner, patient_first: name, patient_last: null, ins_provider: '', patient_dob: '1984-02-09' });
  assert.ok(key > 0);
  assert.deepStrictEqual({ ...(await one()) }, { patient_first: name, patient_last: null, ins_provider: '', patient_dob: '1984-02-09' });
  assert.strictEqual(await db('cases').where({ case_id: id }).update({ patient_first: 'Jo', patient_dob: '2000-02-29' }), 1);

  await assert.rejects(db.transaction(async (trx) => {
    await trx('cases').where({ case_id: id }).update({ patient_first: 'Undone' });
    await trx('cases').where({ case_id: id }).update({ patient_first: 'x'.repeat(251) });
  }), { errno: 1406 });
  assert.strictEqual((await one()).patient_first, 'Jo');

  await db.transaction(async (trx) => {
    await trx('cases').where({ case_id: id }).forUpdate().first('patient_first');
    await trx('cases').where({ case_id: id }).update({ patient_last: 'Łukasz' });
  });
  assert.strictEqual((await one()).patient_last, 'Łukasz');
  assert.deepStrictEqual((await db('cases').where({ case_id: id }).pluck('patient_first')), ['Jo']);

  const rows = Array.from({ length: 20 }, (_, i) => ({ case_id: `${id}-${i}`, user_id: owner, patient_first: 'Row ' + i }));
  await db.batchInsert('cases', rows, 7);
  const got = await db('cases').where('case_id', 'like', id + '-%').orderBy('human_case_id').select('patient_first');
  assert.deepStrictEqual(got.map((r) => r.patient_first), rows.map((r) => r.patient_first));
  assert.strictEqual(await db('cases').where('case_id', 'like', id + '%').del(), 21);
}

async function main([host, port, user, password, database]) {
  const db = knex({ client: 'mysql2', connection: { host, port: Number(port), user, password, database, dateStrings: true, charset: 'utf8mb4' } });
  await life(db);
  await db.destroy();
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
