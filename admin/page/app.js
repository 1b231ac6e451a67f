// The operator's page: log in, one view at a time by the address's fragment, refreshed while somebody looks.

import {byID, problem, setText, time} from './dom.js';
import {Failure, get, session} from './api.js';
import {dialogIsOpen} from './dialog.js';
import * as overview from './overview.js';
import * as keys from './keys.js';
import * as statements from './statements.js';
import * as sessions from './sessions.js';
import * as access from './access.js';
import * as audit from './audit.js';

const views = {overview, keys, statements, sessions, access, audit};
const period = 10_000; // milliseconds between refreshes
const farewellKey = 'phiproxy.farewell'; // why the last log in ended

let user; // who is logged in: {name, role, expires}
let view; // name of the view on the screen
let timer;
let round = 0; // counts refreshes, so that a late answer of an earlier one is dropped

// Log in and out

async function logIn(event) {
  event.preventDefault();
  const button = byID('login-button');
  const token = byID('token').value.trim();
  if (!/^[\x21-\x7e]*$/.test(token)) return refuse('An access token has no spaces and only plain letters, digits and signs.');
  button.disabled = true;
  session.open(token, byID('admin-user').value.trim());
  try {
    enter(await get('/admin/status'));
  } catch (failure) {
    session.close();
    refuse(failure.message);
  } finally {
    button.disabled = false;
  }
}

function refuse(text) {
  problem(byID('login-problem'), text);
  byID('token').setAttribute('aria-invalid', 'true');
  byID('token').focus();
  byID('token').select();
}

function enter(status) {
  user = status.user;
  byID('token').value = '';
  byID('token').removeAttribute('aria-invalid');
  problem(byID('login-problem'), '');
  byID('login').hidden = true;
  byID('app').hidden = false;
  const acting = user.admin_user_id || session.admin;
  setText(byID('who'), `${user.name} · ${user.role}${acting ? ` · as ${acting}` : ''}`);
  for (const v of Object.values(views)) v.enter?.({user, changed: refresh, typed});
  route();
}

// leave forgets the token and loads the page anew, so that nothing stays on the screen or in memory.
function leave(reason = '') {
  session.close();
  sessionStorage.setItem(farewellKey, reason);
  history.replaceState(null, '', '/');
  location.reload();
}

function showLogin(reason) {
  byID('app').hidden = true;
  byID('login').hidden = false;
  problem(byID('login-problem'), reason);
  byID('token').focus();
}

// expired reports whether the token's time is over; the server decides, this only spares the wait for its answer.
const expired = () => user?.expires && Date.parse(user.expires) <= Date.now();

// Views

function route() {
  if (!user) return;
  const [name, query] = location.hash.replace(/^#\//, '').split('?');
  const next = Object.hasOwn(views, name) ? name : 'overview';
  if (next !== view) turn(next);
  views[view].open?.(new URLSearchParams(query));
  refresh();
}

function turn(next) {
  view = next;
  problem(byID('problem'), '');
  document.title = `${byID(`${view}-title`).textContent} · phiproxy`;
  for (const id of Object.keys(views)) byID(id).hidden = id !== view;
  for (const link of document.querySelectorAll('nav a')) {
    if (link.hash === `#/${view}`) {
      link.setAttribute('aria-current', 'page');
      link.scrollIntoView({block: 'nearest', inline: 'center'});
    } else {
      link.removeAttribute('aria-current');
    }
  }
}

async function refresh() {
  clearTimeout(timer);
  if (!user || document.hidden) return;
  if (expired()) return leave('Your token has expired. Log in with a new one.');
  const mine = ++round;
  try {
    const loading = views[view].load();
    loading.catch(() => {}); // it is awaited below, unless the status fails first
    const status = await get('/admin/status');
    if (mine !== round) return;
    showReady(status.ready);
    const answer = await loading;
    if (mine !== round) return;
    views[view].show(answer, status);
    problem(byID('problem'), '');
    setText(byID('updated'), `Updated ${time(new Date().toISOString())}.`);
  } catch (failure) {
    if (mine !== round || !fail(failure)) return;
  }
  timer = setTimeout(refreshUnlessBusy, period);
}

// typed is for fields that are being typed into: the answer is wanted when the typing pauses.
function typed() {
  clearTimeout(timer);
  round++;
  timer = setTimeout(refresh, 250);
}

function refreshUnlessBusy() {
  if (dialogIsOpen()) timer = setTimeout(refreshUnlessBusy, period);
  else refresh();
}

// fail shows what went wrong, and reports whether it makes sense to go on.
function fail(failure) {
  if (!(failure instanceof Failure)) throw failure;
  if (failure.status === 401) {
    leave(`${failure.message} Log in again.`);
    return false;
  }
  problem(byID('problem'), `${failure.message}${failure.status === 0 ? ' What you see is from the last answer.' : ''}`);
  if (failure.status === 0) showReady(null);
  return true;
}

function showReady(report) {
  const pill = byID('ready');
  setText(pill, report === null ? 'No answer' : report.ready ? 'Ready' : 'Not ready');
  pill.className = `pill ${report?.ready ? 'good' : 'bad'}`;
}

// Start

byID('login-form').addEventListener('submit', logIn);
byID('logout').addEventListener('click', () => leave());
byID('refresh').addEventListener('click', refresh);
byID('skip').addEventListener('click', (event) => {
  event.preventDefault(); // the fragment is the view's
  byID('content').focus();
});
addEventListener('hashchange', route);
document.addEventListener('visibilitychange', refresh);

const farewell = sessionStorage.getItem(farewellKey) ?? '';
sessionStorage.removeItem(farewellKey);
if (session.isOpen) {
  get('/admin/status').then(enter, (failure) => {
    session.close();
    showLogin(failure.message);
  });
} else {
  showLogin(farewell);
}
