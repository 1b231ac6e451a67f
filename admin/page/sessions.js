// Who is connected.

import {get} from './api.js';
import {ago, byID, chip, el, number, setText, table, time} from './dom.js';

export const load = () => get('/admin/sessions');

export function show(answer) {
  table(byID('sessions-table'), columns, answer.sessions, 'Nobody is connected.');
  setText(byID('sessions-note'), `${number(answer.sessions.length)} of ${number(answer.total)} connections`);
}

const columns = [
  {title: 'Session', kind: 'number', cell: (s) => String(s.id)},
  {title: 'User', kind: 'code', cell: (s) => s.user},
  {title: 'App user', kind: 'code', cell: (s) => s.application || '–'},
  {title: 'Client', kind: 'code', cell: (s) => s.client},
  {title: 'TLS', cell: (s) => (s.tls ? [s.tls, s.tls_subject].filter(Boolean).join(', ') : chip('none', 'warn'))},
  {title: 'Database', kind: 'code', cell: (s) => s.database || '–'},
  {title: 'Connected', kind: 'time', cell: (s) => el('span', {title: `${ago(s.since)} ago`}, time(s.since))},
  {title: 'Transaction', cell: (s) => (s.in_transaction ? 'open' : '–')},
  {title: 'Last verb', kind: 'code', cell: (s) => s.last_verb || '–'},
  {title: 'Statements', kind: 'number', cell: (s) => number(s.statements)},
  {title: 'Rows', kind: 'number', cell: (s) => number(s.rows)},
];
