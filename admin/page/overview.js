// Coverage, readiness, key service, cache, verdicts, access log, tables, version: everything of /admin/status.

import {ago, byID, el, list, number, setText, table, time} from './dom.js';

// load has nothing to ask for: the page asks for the status at every refresh anyway.
export async function load() {}

export function show(_, status) {
  coverage(status.coverage, status.coverage_error);
  checks(status.ready.checks);
  list(byID('kms'), kms(status.kms));
  list(byID('cache'), cache(status.cache));
  list(byID('verdicts'), verdicts(status.verdicts, status.refusals));
  list(byID('audit-health'), accessLog(status.audit));
  table(byID('tables'), tableColumns, status.tables, 'No table is protected.');
  list(byID('build'), build(status));
}

function coverage(c, error) {
  setText(byID('coverage-figure'), c ? `${c.coverage_percentage} %` : '–');
  byID('coverage-bar').value = c?.coverage_percentage ?? 0;
  setText(byID('coverage-note'), c
    ? `${number(c.users_with_keys)} of ${number(c.total_active_users)} active users have a key. Without: ${number(c.users_without_keys)}.`
    : error || 'The users cannot be counted.');
}

function checks(all) {
  const content = JSON.stringify(all);
  const ul = byID('checks');
  if (ul.dataset.content === content) return;
  ul.dataset.content = content;
  ul.replaceChildren(...all.map((c) => el('li', {class: c.ok ? 'good' : 'bad'}, `${c.name}: ${c.ok ? 'ok' : 'failed, see the log'}`)));
}

function kms(k) {
  return [
    ['Provider', k.provider],
    ['Master key', k.master_key || '–', 'code'],
    ['State', kmsState(k), k.last_error ? 'bad' : 'good'],
    ['For', ago(k.since)],
    ['Calls', number(k.calls)],
    ['Errors', number(k.errors)],
    ['Last call', k.last_call ? `${ago(k.last_call)} ago` : 'none yet'],
  ];
}

// kmsState tells an outage from a refusal. While the circuit breaker is open, nobody waits for the service.
function kmsState(k) {
  if (k.last_error) return k.state === 'open' ? `${k.last_error}, calls are held back` : k.last_error;
  return k.last_call ? 'answers' : 'not called yet';
}

function cache(c) {
  const asked = c.hits + c.misses;
  return [
    ['Keys held', number(c.total_cached)],
    ['Active', number(c.active_count)],
    ['Expired', number(c.expired_count)],
    ['Time to live', `${c.cache_ttl_hours} h`],
    ['Hit rate', asked ? `${(100 * c.hits / asked).toFixed(1)} %` : '–'],
  ];
}

const verdictWords = {relay: 'Relayed untouched', direct: 'Direct', lookup: 'With owner look-up', scratch: 'Computed in the scratch server'};

// verdicts counts what became of statements. Refusals are counted by reason.
function verdicts(byVerdict, refusals) {
  const refused = refusals.reduce((sum, r) => sum + r.count, byVerdict.refuse ?? 0);
  const rows = Object.entries(verdictWords).map(([verdict, words]) => [words, number(byVerdict[verdict] ?? 0)]);
  return [...rows, ['Refused', number(refused), refused ? 'warn' : '']];
}

function accessLog(a) {
  if (!a) return [['State', 'off: nobody can tell who saw what (setting audit.dir)', 'warn']];
  return [
    ['State', a.ok ? 'writing' : a.error || 'cannot be written', a.ok ? 'good' : 'bad'],
    ['For', ago(a.since)],
    ['Records', number(a.records)],
    ['Statements refused', number(a.refused), a.refused ? 'warn' : ''],
    ['Records lost', number(a.lost), a.lost ? 'bad' : ''],
  ];
}

const tableColumns = [
  {title: 'Table', kind: 'code', cell: (t) => t.name},
  {title: 'Owner column', kind: 'code', cell: (t) => t.owner},
  {title: 'Protected columns', kind: 'code', cell: (t) => t.columns.join(', ')},
];

function build(s) {
  return [
    ['Version', s.build.version],
    ['Revision', s.build.revision || '–', 'code'],
    ['Go', s.build.go],
    ['FIPS 140-3 module', s.build.fips140 ? 'in use' : 'not in use'],
    ['Started', time(s.started)],
    ['Clients connect to', s.listen, 'code'],
    ['Database server', s.backend, 'code'],
  ];
}
