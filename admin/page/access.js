// "Who saw owner X between t1 and t2": a search of the access log, and its export.

import {Failure, get} from './api.js';
import {csv, download} from './csv.js';
import {byID, chip, count, number, setText, table, time} from './dom.js';
import {reason} from './reasons.js';

const most = 1000; // entries of one search
const week = 7 * 24 * 3600 * 1000; // milliseconds

let answer; // of the last search

export function enter() {
  byID('access-from').value ||= new Date(Date.now() - week).toISOString().slice(0, 19);
  table(byID('access-table'), columns, [], 'Search by owner, by who saw, or by time.');
}

// open runs the search that a link brings along.
export function open(query) {
  if (!query.has('owner')) return;
  byID('access-owner').value = query.get('owner');
  search();
}

// The log is searched when somebody asks, not at every refresh.
export async function load() {}
export function show() {}

async function search() {
  const button = byID('access-search');
  button.disabled = true;
  setText(byID('access-note'), 'Searching…');
  try {
    answer = await get('/admin/access', parameters());
    table(byID('access-table'), columns, answer.entries, 'Nobody, as far as the log tells for this search.');
    setText(byID('access-note'), note());
  } catch (failure) {
    answer = undefined;
    setText(byID('access-note'), failure.message);
    if (!(failure instanceof Failure)) throw failure;
  } finally {
    button.disabled = false;
    byID('access-export').disabled = !answer?.entries.length;
  }
}

function note() {
  const shown = count(answer.entries.length, 'record');
  const more = answer.truncated ? ' There are more: narrow the time to see them all.' : '';
  const damaged = answer.unreadable_lines
    ? ` The log is damaged: ${count(answer.unreadable_lines, 'line')} cannot be read, which phiproxy keys verify-audit names.` : '';
  return `${shown}.${more}${damaged}`;
}

function parameters() {
  return {
    owner: byID('access-owner').value.trim(),
    user: byID('access-user').value.trim(),
    from: instant(byID('access-from').value),
    to: instant(byID('access-to').value),
    outcome: byID('access-outcome').value,
    limit: most,
  };
}

// instant makes RFC 3339 of what a field holds, which is meant as UTC.
function instant(value) {
  return value ? new Date(`${value}Z`).toISOString() : '';
}

const words = (list) => (list ?? []).join(', ');

const outcomes = {done: 'good', failed: 'warn', refused: 'warn', broken: 'bad', unfinished: 'bad'};

const columns = [
  {title: 'Time', kind: 'time', cell: (e) => time(e.time)},
  {title: 'Database user', kind: 'code', cell: (e) => e.user},
  {title: 'App user', kind: 'code', cell: (e) => e.app || '–'},
  {title: 'Client', kind: 'code', cell: (e) => e.client},
  {title: 'Owners', kind: 'code', cell: (e) => words(e.owners)},
  {title: 'Verb', kind: 'code', cell: (e) => e.verb},
  {title: 'Columns', kind: 'code', cell: (e) => words(e.columns)},
  {title: 'Rows', kind: 'number', cell: (e) => number(e.rows ?? 0)},
  {title: 'Opened', kind: 'number', cell: (e) => number(e.opened ?? 0)},
  {title: 'Sealed', kind: 'number', cell: (e) => number(e.sealed ?? 0)},
  {title: 'Outcome', cell: (e) => chip(e.outcome, outcomes[e.outcome])},
  {title: 'Reason', cell: (e) => reason(e.code, e.id)},
  {title: 'Fingerprint', kind: 'code', cell: (e) => e.fp},
];

// The export has every field of an entry, in this order.
const exported = ['time', 'user', 'app', 'client', 'tls', 'session', 'owners', 'verb', 'verdict', 'tables', 'columns',
  'rows', 'opened', 'sealed', 'outcome', 'code', 'ms', 'fp', 'id'];

function save() {
  const name = `phi-access-${new Date().toISOString().slice(0, 19).replaceAll(':', '')}.csv`;
  download(name, csv(exported, answer.entries));
}

byID('access-form').addEventListener('submit', (event) => {
  event.preventDefault();
  search();
});
byID('access-export').addEventListener('click', save);
