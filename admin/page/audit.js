// What was done with keys, newest first.

import {asAdmin, get} from './api.js';
import {byID, chip, number, setText, table, time} from './dom.js';

let context;

export function enter(c) { context = c; }

export function open(query) {
  if (query.has('owner')) byID('audit-owner').value = query.get('owner');
}

export const load = () => get('/admin/encryption/audit-log', asAdmin({
  target_user_id: byID('audit-owner').value.trim(), limit: byID('audit-limit').value,
}));

export function show(answer) {
  table(byID('audit-table'), columns, answer.audit_entries, 'No key operation is recorded.');
  setText(byID('audit-note'), `${number(answer.returned_records)} of ${number(answer.total_records)} records`);
}

const columns = [
  {title: 'Record', kind: 'number', cell: (e) => String(e.audit_id)},
  {title: 'Time', kind: 'time', cell: (e) => time(e.operation_timestamp)},
  {title: 'Owner', kind: 'code', cell: (e) => e.user_id},
  {title: 'Operation', cell: (e) => chip(e.operation, e.operation === 'error' ? 'bad' : '')},
  {title: 'By', kind: 'code', cell: (e) => e.performed_by ?? '–'},
  {title: 'From', kind: 'code', cell: (e) => e.ip_address ?? '–'},
  {title: 'Details', cell: (e) => details(e.details)},
];

// details writes {"key_version": 2, ...} as "key version 2 · ...", without what other columns say already.
function details(d) {
  if (d === null || typeof d !== 'object') return String(d ?? '');
  return Object.entries(d)
    .filter(([name]) => name !== 'operation' && name !== 'timestamp')
    .map(([name, value]) => `${name.replaceAll('_', ' ')} ${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' · ');
}

byID('audit-filter').addEventListener('submit', (event) => event.preventDefault());
byID('audit-owner').addEventListener('input', () => context.typed());
byID('audit-limit').addEventListener('change', () => context.changed());
