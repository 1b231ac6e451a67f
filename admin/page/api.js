// The admin API as the page uses it: one token, sent as a header, kept for this tab only.

const tokenKey = 'phiproxy.token';
const adminKey = 'phiproxy.admin_user_id';
const patience = 15_000; // milliseconds

// Failure is an answer that is no success. Its message says what happened and, where the page knows, what to do.
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status; // 0: no answer
  }
}

export const session = {
  get isOpen() { return sessionStorage.getItem(tokenKey) !== null; },
  get token() { return sessionStorage.getItem(tokenKey) ?? ''; },
  get admin() { return sessionStorage.getItem(adminKey) ?? ''; },
  open(token, admin) {
    sessionStorage.setItem(tokenKey, token);
    sessionStorage.setItem(adminKey, admin);
  },
  close() {
    sessionStorage.removeItem(tokenKey);
    sessionStorage.removeItem(adminKey);
  },
};

export const get = (path, query) => call('GET', path, query);
export const post = (path, query) => call('POST', path, query);

// asAdmin adds the user in whose name the key operations of the application's own API run.
export const asAdmin = (query = {}) => ({...query, admin_user_id: session.admin});

async function call(method, path, query = {}) {
  const answer = await send(method, path + search(query));
  const body = await answer.json().catch(() => null);
  if (!answer.ok) throw new Failure(answer.status, explain(answer, body));
  if (body === null) throw new Failure(answer.status, 'The answer could not be read. Is something between this browser and phiproxy?');
  return body;
}

async function send(method, url) {
  try {
    return await fetch(url, {
      method,
      headers: session.token ? {Authorization: `Bearer ${session.token}`} : {},
      credentials: 'omit',
      cache: 'no-store',
      redirect: 'error',
      signal: AbortSignal.timeout(patience),
    });
  } catch (error) {
    throw new Failure(0, error.name === 'TimeoutError'
      ? 'phiproxy took too long to answer. Its log says what it waits for.'
      : 'phiproxy does not answer. Check that it runs and that this browser reaches its admin port.');
  }
}

// search leaves out what is empty.
function search(query) {
  const given = Object.entries(query).filter(([, value]) => value !== '' && value !== undefined && value !== null);
  return given.length ? `?${new URLSearchParams(given)}` : '';
}

function explain(answer, body) {
  const said = detail(body);
  switch (answer.status) {
    case 401: return 'This token is not accepted: it is wrong, has expired or was withdrawn.';
    case 429: return `Too many failed attempts from this address. Try again in ${answer.headers.get('Retry-After') ?? 'a few'} seconds.`;
    case 422: return lacksAdmin(body) ? 'This needs your user id: log out, and enter it when you log in.' : said;
    default: return said || `phiproxy answered with status ${answer.status}.`;
  }
}

const lacksAdmin = (body) => Array.isArray(body?.detail) && body.detail.some((d) => d.loc?.at(-1) === 'admin_user_id');

// detail reads the two shapes of the application's API: {"detail": {"error": text}} and, for parameters,
// {"detail": [{"loc": [..., name], "msg": text}]}.
function detail(body) {
  if (Array.isArray(body?.detail)) return body.detail.map((d) => `${d.loc?.at(-1) ?? 'parameter'}: ${d.msg}`).join('; ');
  return body?.detail?.error ?? '';
}
