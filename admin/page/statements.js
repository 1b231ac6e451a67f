// Statements by fingerprint and verdict, and refusals by reason. Texts hold no literal.

import {get} from './api.js';
import {byID, chip, el, number, setText, table} from './dom.js';
import {reason} from './reasons.js';

let answer;

export const load = () => get('/admin/statements', {limit: 1000});

export function show(a) {
  answer = a;
  verdictOptions();
  table(byID('refusals-table'), refusalColumns, refusals(), 'Nothing has been refused.');
  const rows = answer.statements.filter(matches);
  table(byID('statements-table'), columns, rows, answer.statements.length ? 'No statement matches the filter.' : 'No statement has named a protected table yet.');
  setText(byID('statements-note'), `${number(rows.length)} of ${number(answer.total)} fingerprints since the start`);
}

function matches(s) {
  const verdict = byID('statements-verdict').value;
  const text = byID('statements-text').value.trim().toLowerCase();
  return (!verdict || s.verdict === verdict) && (!text || `${s.text} ${s.fingerprint}`.toLowerCase().includes(text));
}

function verdictOptions() {
  const select = byID('statements-verdict');
  const known = new Set([...select.options].map((o) => o.value));
  for (const verdict of new Set(answer.statements.map((s) => s.verdict))) {
    if (!known.has(verdict)) select.append(el('option', {value: verdict}, verdict));
  }
}

// refusals adds up the refused statements of each reason, the most frequent first.
function refusals() {
  const sums = new Map();
  for (const s of answer.statements.filter((s) => s.reason)) {
    const sum = sums.get(s.reason) ?? {reason: s.reason, count: 0, fingerprints: 0, example: s};
    sum.count += s.count;
    sum.fingerprints++;
    if (s.count > sum.example.count) sum.example = s;
    sums.set(s.reason, sum);
  }
  return [...sums.values()].sort((a, b) => b.count - a.count);
}

const sql = (s) => el('span', {class: 'sql'}, s.text);

const refusalColumns = [
  {title: 'Reason', cell: (r) => reason(r.reason, 'sum')},
  {title: 'Refused', kind: 'number', cell: (r) => number(r.count)},
  {title: 'Fingerprints', kind: 'number', cell: (r) => number(r.fingerprints)},
  {title: 'Most frequent', cell: (r) => sql(r.example)},
];

const columns = [
  {title: 'Fingerprint', kind: 'code', cell: (s) => s.fingerprint},
  {title: 'Verdict', cell: (s) => chip(s.verdict, s.reason ? 'warn' : '')},
  {title: 'Reason', cell: (s) => reason(s.reason, s.fingerprint)},
  {title: 'Count', kind: 'number', cell: (s) => number(s.count)},
  {title: 'Errors', kind: 'number', cell: (s) => number(s.errors)},
  {title: 'Rows', kind: 'number', cell: (s) => number(s.rows)},
  {title: 'Statement', cell: sql},
];

byID('statements-filter').addEventListener('submit', (event) => event.preventDefault());
byID('statements-verdict').addEventListener('change', () => answer && show(answer));
byID('statements-text').addEventListener('input', () => answer && show(answer));
