// The list of owners and their keys, and what an administrator can do with them.

import {asAdmin, get, post} from './api.js';
import {ask, field, tell} from './dialog.js';
import {byID, chip, count, el, number, setText, table, time} from './dom.js';

const pageSize = 25;

let context; // of the log in: {user, changed()}
let cursors = ['']; // where each page up to the one on the screen begins
let answer; // the page on the screen

export function enter(c) {
  context = c;
  byID('keys-actions').hidden = !mayAct();
}

const mayAct = () => context.user.role === 'admin';

export const load = () => get('/admin/encryption/keys', {
  prefix: byID('keys-prefix').value.trim(), state: byID('keys-state').value, after: cursors.at(-1), limit: pageSize,
});

export function show(a) {
  answer = a;
  table(byID('keys-table'), mayAct() ? [...columns, actions] : columns, answer.keys, empty(), mayAct());
  const first = (cursors.length - 1) * pageSize;
  setText(byID('keys-range'), answer.keys.length ? `${number(first + 1)} to ${number(first + answer.keys.length)} of ${number(answer.total)}` : 'None');
  byID('keys-previous').disabled = cursors.length === 1;
  byID('keys-next').disabled = !answer.next;
}

function empty() {
  return byID('keys-prefix').value || byID('keys-state').value
    ? 'No owner matches the filter.'
    : 'No owner has a key yet. The first write for an owner makes one, or generate it here.';
}

const kinds = {active: 'good', inactive: 'warn', orphaned: 'warn', destroyed: 'bad'};

const columns = [
  {title: 'Owner', kind: 'code', cell: (k) => k.user_id},
  {title: 'State', cell: (k) => chip(k.state, kinds[k.state])},
  {title: 'Version', kind: 'number', cell: (k) => (k.key_version ? number(k.key_version) : '–')},
  {title: 'Created', kind: 'time', cell: (k) => time(k.created_at)},
  {title: 'Rotated', kind: 'time', cell: (k) => time(k.rotated_at)},
  {title: 'In memory', cell: (k) => (k.is_cached ? 'yes' : 'no')},
  {title: 'More', cell: (k) => el('span', {class: 'links'},
    el('a', {href: `#/access?${new URLSearchParams({owner: k.user_id})}`, 'data-focus': `access ${k.user_id}`}, 'Who saw'),
    el('a', {href: `#/audit?${new URLSearchParams({owner: k.user_id})}`, 'data-focus': `audit ${k.user_id}`}, 'Audit'))},
];

const actions = {
  title: 'Act',
  cell: (k) => el('span', {class: 'links'},
    el('button', {type: 'button', 'data-focus': `rotate ${k.user_id}`, 'aria-label': `Rotate the key of ${k.user_id}`, disabled: k.state !== 'active', click: () => askRotate(k.user_id)}, 'Rotate'),
    el('button', {type: 'button', 'data-focus': `destroy ${k.user_id}`, 'aria-label': `Destroy the key of ${k.user_id}`, disabled: k.state === 'destroyed', click: () => askDestroy(k.user_id)}, 'Destroy')),
};

function askGenerate() {
  const {input, node} = field('Owner', {id: 'generate-owner'});
  ask({
    title: 'Generate a key',
    body: [node, el('p', {class: 'help'}, 'An owner who has a key gets a new version for what is written from now on; what is stored stays readable.')],
    ok: 'Generate',
    act: async () => {
      const user = input.value.trim();
      if (!user) throw new Error('Enter the owner: the user id that stands in the rows.');
      const done = await post('/admin/encryption/generate-key', asAdmin({user_id: user}));
      context.changed();
      return `Key version ${done.key_version} generated for ${done.user_id}.`;
    },
  });
}

function askRotate(owner) {
  ask({
    title: 'Rotate a key',
    body: [el('p', {}, 'Owner ', el('code', {}, owner), ' gets a new key version for what is written from now on, on every proxy. What is stored stays readable.')],
    ok: 'Rotate',
    act: async () => {
      const done = await post('/admin/encryption/rotate-key', asAdmin({user_id: owner}));
      context.changed();
      return `${done.user_id} now writes with key version ${done.key_version}.`;
    },
  });
}

function askRotateAll() {
  ask({
    title: 'Rotate all keys',
    body: [el('p', {}, 'Every owner with an active key gets a new version. This asks the key service once per owner and can take a while.')],
    ok: 'Rotate all',
    danger: true,
    act: async () => {
      follow(await post('/admin/encryption/rotate-all', asAdmin()));
    },
  });
}

// follow tells how far a job is until it ends.
async function follow(job) {
  while (job.state === 'running') {
    tell(`Rotating: ${number(job.done)} of ${number(job.total)} keys.`);
    await new Promise((later) => { setTimeout(later, 1000); });
    try {
      job = await get(`/admin/encryption/rotate-all/${encodeURIComponent(job.job_id)}`);
    } catch (failure) {
      return tell(`The rotation goes on, but cannot be watched: ${failure.message}`);
    }
  }
  tell(outcome(job));
  context.changed();
}

function outcome(job) {
  const rotated = `${number(job.done - job.failed)} keys rotated.`;
  const failed = job.failed ? ` ${number(job.failed)} failed, first ${job.failures[0].user_id}: ${job.failures[0].error}.` : '';
  const ended = job.state === 'interrupted' ? ` It ended early: ${job.error}. Rotate all again to go on.` : '';
  return rotated + failed + ended;
}

// askDestroy first learns what the destruction makes unreadable, and then wants the owner typed.
async function askDestroy(owner) {
  let plan;
  try {
    plan = await post('/admin/encryption/destroy-key', asAdmin({user_id: owner}));
  } catch (failure) {
    return tell(failure.message);
  }
  const {input, node} = field('Type the owner to confirm', {id: 'destroy-owner'});
  ask({
    title: 'Destroy a key for ever',
    body: [
      el('p', {}, 'All key versions of ', el('code', {}, owner), ' are destroyed. ', el('strong', {}, `Protected values in ${count(plan.rows, 'row')}`),
        ' cannot be read any more then, here and in every backup. Nothing can bring them back.'),
      node,
    ],
    ok: 'Destroy',
    danger: true,
    act: async () => {
      if (input.value.trim() !== owner) throw new Error('This is not the owner whose key is to be destroyed.');
      await post('/admin/encryption/destroy-key', asAdmin({user_id: owner, confirmation_code: plan.confirmation_code}));
      context.changed();
      return `The key of ${owner} is destroyed.`;
    },
  });
}

function askClear() {
  const {input, node} = field('Owner (empty: all)', {id: 'clear-owner'});
  ask({
    title: 'Clear the key cache',
    body: [node, el('p', {class: 'help'}, 'Keys in memory are forgotten on every proxy, and asked for again when needed.')],
    ok: 'Clear',
    act: async () => {
      const done = await post('/admin/encryption/clear-cache', asAdmin({target_user_id: input.value.trim()}));
      context.changed();
      return done.message;
    },
  });
}

function fromTheStart(again) {
  cursors = [''];
  again();
}

function turn(forward) {
  if (forward) cursors.push(answer.next);
  else cursors.pop();
  context.changed();
}

byID('keys-filter').addEventListener('submit', (event) => event.preventDefault());
byID('keys-prefix').addEventListener('input', () => fromTheStart(context.typed));
byID('keys-state').addEventListener('change', () => fromTheStart(context.changed));
byID('keys-previous').addEventListener('click', () => turn(false));
byID('keys-next').addEventListener('click', () => turn(true));
byID('keys-generate').addEventListener('click', askGenerate);
byID('keys-rotate-all').addEventListener('click', askRotateAll);
byID('keys-clear').addEventListener('click', askClear);
