// The page's only ways to put something on the screen: whatever comes from the server becomes text, never markup.

export const byID = (id) => document.getElementById(id);

// el makes an element. Attributes whose value is a function are event listeners; undefined and false leave one out.
export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') node.addEventListener(key, value);
    else if (value !== undefined && value !== false) node.setAttribute(key, value === true ? '' : value);
  }
  node.append(...children.flat().map(asNode));
  return node;
}

function asNode(child) {
  return child instanceof Node ? child : document.createTextNode(child ?? '');
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// problem shows a text in an element that is empty, and takes no room, when there is nothing to say.
export function problem(node, text) {
  setText(node, text ?? '');
}

// list fills a <dl> with [term, value] pairs.
export function list(dl, pairs) {
  if (unchanged(dl, JSON.stringify(pairs))) return;
  dl.replaceChildren(...pairs.map(([term, value, kind]) =>
    el('div', {}, el('dt', {}, term), el('dd', {class: kind ?? false}, String(value)))));
}

// shown remembers what a node was last filled with, so that a refresh that brings nothing new touches nothing: the
// reader's selection, focus and scroll position stay.
const shown = new WeakMap();

function unchanged(node, content) {
  if (shown.get(node) === content) return true;
  shown.set(node, content);
  return false;
}

// table fills a <table>. A column is {title, cell(row) -> text or node, kind: 'number' | 'code' | 'time' ...}. state is
// whatever the cells depend on besides the rows.
export function table(node, columns, rows, empty, state = '') {
  if (unchanged(node, JSON.stringify([rows, state]))) return;
  const focused = focusInside(node);
  const head = el('thead', {}, el('tr', {}, columns.map((c) => el('th', {scope: 'col', class: c.kind ?? false}, c.title))));
  node.replaceChildren(head, el('tbody', {}, rows.length ? rows.map((row) => tableRow(columns, row)) : emptyRow(columns, empty)));
  if (focused) node.querySelector(`[data-focus="${CSS.escape(focused)}"]`)?.focus();
}

function tableRow(columns, row) {
  return el('tr', {}, columns.map((c, i) =>
    el(i === 0 ? 'th' : 'td', {scope: i === 0 && 'row', class: c.kind ?? false}, c.cell(row))));
}

function emptyRow(columns, text) {
  return el('tr', {}, el('td', {class: 'empty', colspan: columns.length}, el('span', {}, text)));
}

function focusInside(node) {
  return node.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined;
}

export const number = (n) => (n === null || n === undefined ? '–' : Number(n).toLocaleString('en-US'));

export const count = (n, noun) => `${number(n)} ${n === 1 ? noun : `${noun}s`}`;

// isTime leaves out what stands for no time: null, and Go's zero time.
const isTime = (text) => Boolean(text) && !text.startsWith('0001-');

// time writes an instant in UTC, which a time without a zone is already.
export function time(text) {
  if (!isTime(text)) return '–';
  const iso = /(Z|[+-]\d\d:\d\d)$/.test(text) ? new Date(text).toISOString() : text;
  return iso.slice(0, 19).replace('T', ' ');
}

// ago writes how long ago an instant was, coarsely.
export function ago(text) {
  if (!isTime(text)) return '–';
  const seconds = Math.max(0, (Date.now() - Date.parse(text)) / 1000);
  for (const [unit, size] of [['d', 86400], ['h', 3600], ['min', 60]]) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit}`;
  }
  return `${Math.floor(seconds)} s`;
}

// prose turns a text with `code` in backquotes into nodes.
export function prose(text) {
  return text.split('`').map((part, i) => (i % 2 ? el('code', {}, part) : document.createTextNode(part)));
}

// chip is a short coloured word.
export const chip = (text, kind) => el('span', {class: `chip ${kind ?? ''}`.trim()}, text);
