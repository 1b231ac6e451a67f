// A table as a file for spreadsheets (RFC 4180).

import {el} from './dom.js';

export function csv(names, rows) {
  const lines = [names, ...rows.map((row) => names.map((name) => row[name]))];
  return lines.map((line) => `${line.map(cell).join(',')}\r\n`).join('');
}

// cell quotes a value. Spreadsheets run what begins like a formula, and user names are whatever somebody chose: such a
// text gets an apostrophe in front, which a spreadsheet takes as "text follows".
function cell(value) {
  const text = Array.isArray(value) ? value.join(' ') : String(value ?? '');
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?\d+$/.test(text) ? `'${text}` : text;
  return `"${safe.replaceAll('"', '""')}"`;
}

export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], {type: 'text/csv;charset=utf-8'}));
  el('a', {href: url, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
